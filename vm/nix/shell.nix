# `nix develop`: what set-up would install on Debian for base and report, so that `npm run build` and the tests work in
# a checkout. The guest's kernel comes with the flake's programs only.
{ pkgs }:
pkgs.mkShell {
  packages = [
    pkgs.chromium
    pkgs.gcc
    pkgs.git
    pkgs.gnumake
    pkgs.iproute2
    pkgs.nodejs
    pkgs.pkgsStatic.busybox
    pkgs.qemu
    pkgs.util-linux
    pkgs.xz
  ];
}
