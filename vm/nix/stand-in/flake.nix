# Takes the place of nixpkgs where that can't be fetched, for tests: the attributes that the flake uses, mapped to this
# machine's own programs. Exactly those that nixpkgs.json lists; a test holds them together. A package holds what
# Debian's package of that program holds, so a program that our list of packages lacks is missed here as it would be
# there. `npm run nix` copies this folder and writes machine.json into it: where this machine keeps Node and the kernel.
{
  outputs =
    { self }:
    let
      machine = builtins.fromJSON (builtins.readFile ./machine.json);

      packagesOf =
        system:
        let
          # links.mjs fills the output with symbolic links.
          links =
            name: what: more:
            derivation (
              {
                inherit name system;
                builder = machine.node;
                args = [ ./links.mjs ];
                PATH = "/usr/bin:/bin";
                what = builtins.toJSON what;
              }
              // more
            );
          # The programs of these packages of Debian's.
          debian = name: packages: links name { inherit packages; } { };
          files = name: paths: links name { inherit paths; } { };
        in
        {
          apacheKafka = files "apache-kafka" { "libs" = machine.kafka; };
          # nixpkgs' bash is its sh, too.
          bash = links "bash" {
            packages = [ "bash" ];
            paths."bin/sh" = "/usr/bin/bash";
          } { };
          cacert = files "cacert" {
            "etc/ssl/certs/ca-bundle.crt" = "/etc/ssl/certs/ca-certificates.crt";
          };
          chromium = debian "chromium" [ "chromium" ];
          clickhouse = files "clickhouse" { "bin/clickhouse" = "/usr/bin/clickhouse"; };
          # The closure of a program of this machine's is this machine.
          closureInfo =
            { rootPaths }:
            links "closure-info" { closure = machine.root; } {
              exportReferencesGraph = builtins.concatMap (path: [
                "graph-${baseNameOf path}"
                path
              ]) rootPaths;
            };
          coreutils = debian "coreutils" [ "coreutils" ];
          gcc = links "gcc" {
            packages = [
              "binutils"
              "g++"
              "gcc"
            ];
            paths."bin/cc" = "/usr/bin/gcc";
          } { };
          git = debian "git" [ "git" ];
          gnumake = debian "gnumake" [ "make" ];
          iproute2 = debian "iproute2" [ "iproute2" ];
          jre_headless = files "jre" { "bin/java" = "/usr/bin/java"; };
          linuxPackages.kernel = files "kernel" { "vmlinux" = "${machine.kernel}/vmlinux"; } // {
            modules = files "kernel-modules" {
              "lib/modules/${machine.release}" = "${machine.kernel}/modules";
            };
          };
          mkShell = { packages }: links "shell" { paths = { }; } { inherit packages; };
          nixfmt-tree = links "nixfmt-tree" { absent = "Debian has no nixfmt"; } { };
          nodejs = files "nodejs" {
            "bin/node" = machine.node;
            "bin/npm" = machine.npm;
          };
          perl = debian "perl" [ "perl-base" ];
          pkgsStatic.busybox = debian "busybox" [ "busybox-static" ];
          qemu = debian "qemu" [ "qemu-system-x86" ];
          runc = debian "runc" [ "runc" ];
          stdenv = {
            cc.bintools.dynamicLinker = machine.loader;
            cc.cc.lib = files "libgcc" { "lib" = machine.libraries; };
            hostPlatform.system = system;
          };
          strace = debian "strace" [ "strace" ];
          util-linux = debian "util-linux" [
            "mount"
            "util-linux"
          ];
          writeText = name: text: builtins.toFile name text;
          xz = debian "xz" [ "xz-utils" ];
          zstd = debian "zstd" [ "zstd" ];
        };
    in
    {
      legacyPackages = {
        x86_64-linux = packagesOf "x86_64-linux";
        aarch64-linux = packagesOf "aarch64-linux";
      };
    };
}
