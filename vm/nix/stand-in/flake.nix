# Takes the place of nixpkgs where that can't be fetched, for tests: the attributes that the flake uses, mapped to
# this machine's own programs. Never more than the flake uses: a name that is missing here is one to look up there.
{
  outputs =
    { self }:
    let
      # `${machine}/bin` holds this machine's programs.
      machine = "/usr";

      # As in nixpkgs' pkgs/build-support/trivial-builders: the inputs come first, the caller's PATH stays behind them.
      writeShellApplication =
        system:
        {
          name,
          runtimeInputs,
          text,
        }:
        derivation {
          inherit name system;
          builder = "/bin/sh";
          script = ''
            #!/bin/bash
            set -o errexit -o nounset -o pipefail
            export PATH="${builtins.concatStringsSep ":" (map (input: "${input}/bin") runtimeInputs)}:$PATH"
            ${text}
          '';
          passAsFile = [ "script" ];
          PATH = "/usr/bin:/bin";
          args = [
            "-c"
            "mkdir -p $out/bin && cp $scriptPath $out/bin/${name} && chmod 555 $out/bin/${name}"
          ];
        };

      packagesOf = system: {
        writeShellApplication = writeShellApplication system;
        bash = machine;
        gcc = machine;
        gnumake = machine;
        iproute2 = machine;
        nodejs = machine;
        pkgsStatic.busybox = machine;
        qemu = machine;
        util-linux = machine;
        xz = machine;
      };
    in
    {
      legacyPackages = {
        x86_64-linux = packagesOf "x86_64-linux";
        aarch64-linux = packagesOf "aarch64-linux";
      };
    };
}
