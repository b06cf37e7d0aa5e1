# `nix run .#soak -- --duration 12h`, from a checkout: brings the programs that set-up would install on Debian, then
# does what `npm start` does. Arguments reach `netsoak run`; its exit code comes back.
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
            value = make system nixpkgs.legacyPackages.${system};
          }) systems
        );

      # What harness/setup/parts.mjs asks of the system for base, and Node itself.
      programs = pkgs: [
        pkgs.bash
        pkgs.gcc
        pkgs.gnumake
        pkgs.iproute2
        pkgs.nodejs
        pkgs.pkgsStatic.busybox
        pkgs.qemu
        pkgs.util-linux
        pkgs.xz
      ];

      soak =
        pkgs:
        pkgs.writeShellApplication {
          name = "netsoak-soak";
          runtimeInputs = programs pkgs;
          text = ''
            if [ ! -e harness/setup/setup.mjs ]; then
              echo "netsoak: this is not a checkout of netsoak; change to one and try again (owner: user)" >&2
              exit 64
            fi
            node harness/setup/setup.mjs base
            exec node dist/harness/cli.js run "$@"
          '';
        };
    in
    {
      apps = forAllSystems (
        system: _:
        let
          soak = {
            type = "app";
            program = "${self.packages.${system}.soak}/bin/netsoak-soak";
          };
        in
        {
          inherit soak;
          default = soak;
        }
      );

      # The starter alone: netsoak itself is not packaged yet, it runs from the checkout.
      packages = forAllSystems (_: pkgs: { soak = soak pkgs; });
    };
}
