# Everything that the flake builds for one system. The work is done by JavaScript (build/*.mjs), which runs here as
# it runs under npm; Nix only says what goes into what. Nothing else of nixpkgs is used than what nixpkgs.json lists.
{ pkgs, src }:
let
  inherit (pkgs.stdenv.hostPlatform) system;

  node = "${pkgs.nodejs}/bin/node";

  binaries = packages: builtins.concatStringsSep ":" (map (package: "${package}/bin") packages);

  # A part of the project, so that a change elsewhere builds nothing anew: what matches, in folders that match.
  part =
    name: folders: files:
    builtins.path {
      inherit name;
      path = root;
      filter =
        path: type:
        let
          relative = builtins.substring (builtins.stringLength (toString root) + 1) (-1) path;
        in
        builtins.match (if type == "directory" then folders else files) relative != null;
    };

  root = ../..;

  # Each with what it imports, so that a change of one builder leaves what the others built.
  script =
    name:
    part "netsoak-build-${name}" "vm|vm/nix|vm/nix/build" "vm/nix/build/(${name}|starter|tools)\\.mjs"
    + "/vm/nix/build/${name}.mjs";

  # The builder is a program of Node's: no shell takes part. `inputs` become its environment.
  build =
    name: inputs:
    derivation (
      {
        inherit system;
        name = if name == "starters" then "netsoak" else "netsoak-${name}";
        builder = node;
        args = [ (script name) ];
        PATH = binaries (shell ++ [ pkgs.nodejs ]);
      }
      // inputs
    );

  # What npm and make take for granted.
  shell = [
    pkgs.bash
    pkgs.coreutils
  ];

  # What the conductor, the agent and the scenarios start by name.
  runtime = shell ++ [
    pkgs.iproute2
    pkgs.runc
    pkgs.strace
    pkgs.util-linux
  ];

  # What the conductor starts for scenarios that have a far end (harness/pipeline/supply.ts).
  services = [
    pkgs.clickhouse
    pkgs.jre_headless
  ];

  # What `make -C native` takes, and the tests that build something.
  compilers = [
    pkgs.gcc
    pkgs.gnumake
  ];

  # What tests start besides.
  testPrograms = compilers ++ [
    pkgs.git
    pkgs.nodejs
    pkgs.perl
    pkgs.pkgsStatic.busybox
    pkgs.xz
  ];

  # The packages of the lock file. It holds no addresses, so npm has to fetch them; that the result is the one we mean
  # is said by its hash (npm run nix-hash).
  nodeModules = derivation {
    inherit system;
    name = "netsoak-node-modules";
    builder = node;
    args = [
      (script "node-modules")
      (part "netsoak-lock" "" "(package|package-lock)\\.json|\\.npmrc")
      system
      (placeholder "out")
    ];
    PATH = binaries (shell ++ [ pkgs.nodejs ]);
    NODE_EXTRA_CA_CERTS = "${pkgs.cacert}/etc/ssl/certs/ca-bundle.crt";
    # A proxy, a mirror and a cache are the caller's affair.
    impureEnvVars = [
      "http_proxy"
      "https_proxy"
      "no_proxy"
      "npm_config_cache"
      "npm_config_registry"
    ];
    outputHashMode = "recursive";
    outputHashAlgo = "sha256";
    outputHash = (builtins.fromJSON (builtins.readFile ./node-modules.json)).${system};
  };

  native = build "native" {
    inherit nodeModules;
    src = part "netsoak-native-source" "native|native/[^/]*|harness|harness/setup" "native/.*(\\.cc?|\\.h|\\.def|Makefile)|harness/setup/makes\\.mjs";
    PATH = binaries (shell ++ compilers);
  };

  program = build "program" {
    inherit
      native
      node
      nodeModules
      src
      ;
  };

  # vm/ alone: the kernel is not unpacked anew because a scenario has changed.
  vm = build "program" {
    inherit node nodeModules;
    src =
      part "netsoak-vm-source" "vm|harness|harness/setup"
        "vm/[^./]*\\.(ts|sh)|(package|package-lock|tsconfig)\\.json|harness/setup/compiled\\.mjs";
  };

  inherit (pkgs.linuxPackages) kernel;

  guest = build "guest" {
    inherit kernel vm;
    inherit (kernel) modules;
    bash = "${pkgs.bash}/bin/bash";
    busybox = "${pkgs.pkgsStatic.busybox}/bin/busybox";
    closure = pkgs.closureInfo { rootPaths = runtime ++ [ program ]; };
    env = "${pkgs.coreutils}/bin/env";
    guestPath = binaries (runtime ++ [ pkgs.nodejs ]);
    qemu = "${pkgs.qemu}/bin/qemu-system-${builtins.head (builtins.split "-" system)}";
    store = builtins.storeDir;
    PATH = binaries [
      pkgs.xz
      pkgs.zstd
    ];
  };

  netsoak =
    build "starters" {
      inherit guest node program;
      buildPrograms = binaries testPrograms;
      libraries = "${pkgs.stdenv.cc.cc.lib}/lib";
      loader = pkgs.stdenv.cc.bintools.dynamicLinker;
      kafka = "${pkgs.apacheKafka}/libs";
      programs = binaries (runtime ++ services ++ [ pkgs.nodejs ]);
    }
    // {
      meta = {
        description = "Soaks a daemon in a real kernel and gives a verdict that can be trusted";
        mainProgram = "netsoak";
      };
    };

  check =
    name:
    build "check-${name}" {
      inherit netsoak program;
      PATH = binaries (runtime ++ testPrograms);
    };
in
{
  inherit
    guest
    netsoak
    nodeModules
    program
    ;
  format = check "format";
  soak = check "soak";
  test-race = check "race";
  unit = check "unit";
}
