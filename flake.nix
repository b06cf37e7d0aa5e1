# `nix run .#soak -- --duration 12h`: arguments reach `netsoak run`, its exit code comes back, the report is written to
# ./reports/runs. What is built is said in vm/nix/packages.nix, what of nixpkgs is used in vm/nix/nixpkgs.json.
{
  description = "netsoak: soaks a TCP socket collector in a real kernel";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";

  outputs =
    { self, nixpkgs }:
    let
      systems = [
        "x86_64-linux"
        "aarch64-linux"
      ];

      forAllSystems =
        make:
        builtins.listToAttrs (
          map (system: {
            name = system;
            value = make nixpkgs.legacyPackages.${system};
          }) systems
        );

      netsoakFor =
        pkgs:
        import ./vm/nix/packages.nix {
          inherit pkgs;
          src = self;
        };

      app = pkgs: name: {
        type = "app";
        program = "${(netsoakFor pkgs).netsoak}/bin/netsoak-${name}";
      };
    in
    {
      packages = forAllSystems (pkgs: {
        inherit (netsoakFor pkgs) guest test-race;
        default = (netsoakFor pkgs).netsoak;
        # The daemon alone, for machines that are to run it: no compiler, no QEMU, no kernel.
        netsoakd = (netsoakFor pkgs).program;
      });

      apps = forAllSystems (pkgs: {
        bench = app pkgs "bench";
        default = app pkgs "soak";
        doctor = app pkgs "doctor";
        soak = app pkgs "soak";
        test = app pkgs "test";
      });

      checks = forAllSystems (pkgs: {
        inherit (netsoakFor pkgs)
          format
          soak
          test-race
          unit
          ;
      });

      devShells = forAllSystems (pkgs: {
        default = import ./vm/nix/shell.nix { inherit pkgs; };
      });

      nixosModules.netsoakd = import ./vm/nix/module.nix { inherit self; };

      overlays.default = final: _prev: {
        netsoak = (netsoakFor final).netsoak;
        netsoakd = (netsoakFor final).program;
      };

      formatter = forAllSystems (pkgs: pkgs.nixfmt-tree);
    };
}
