# The collector as a service. Its settings are those of its configuration file, one option each, made from
# collector/options.json, which is derived from the daemon's own table. No port is opened: who wants /metrics from
# elsewhere opens it himself, and sets settings.metrics.
{ self }:
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.netsoakd;

  typeOf =
    type:
    {
      bool = lib.types.bool;
      enum = lib.types.enum type.values;
      int = lib.types.ints.between type.from type.to;
      number = lib.types.numbers.between type.from type.to;
      str = lib.types.str;
      strings = lib.types.listOf lib.types.str;
    }
    .${type.kind};

  # null stands for what the daemon finds on the machine; such a key is left out of the file.
  optionOf =
    _key: setting:
    lib.mkOption {
      inherit (setting) default description;
      type =
        if setting.default == null then
          lib.types.nullOr (typeOf setting.type)
        else
          typeOf setting.type;
    };

  file = pkgs.writeText "netsoakd.json" (
    builtins.toJSON (lib.filterAttrs (_key: value: value != null) cfg.settings)
  );
in
{
  options.services.netsoakd = {
    enable = lib.mkEnableOption "netsoakd, which reads every TCP socket of every network namespace";

    package = lib.mkOption {
      type = lib.types.package;
      default = self.packages.${pkgs.stdenv.hostPlatform.system}.netsoakd;
      defaultText = lib.literalExpression "netsoak.packages.\${pkgs.stdenv.hostPlatform.system}.netsoakd";
      description = "Where netsoakd comes from.";
    };

    settings = lib.mapAttrs optionOf (
      builtins.fromJSON (builtins.readFile ../../collector/options.json)
    );
  };

  config = lib.mkIf cfg.enable {
    assertions = [
      {
        assertion = cfg.settings.export != "stdout";
        message = "services.netsoakd.settings.export: rows would end in the journal; name a file, a socket or an address";
      }
    ];

    systemd.services.netsoakd = {
      description = "netsoakd, collector of TCP sockets";
      wantedBy = [ "multi-user.target" ];
      after = [ "network.target" ];
      serviceConfig = {
        ExecStart = "${cfg.package}/bin/netsoakd --config ${file}";
        Restart = "always";
        RestartSec = 1;
        # Usage and missing rights do not mend themselves.
        RestartPreventExitStatus = [
          64
          77
        ];
        StateDirectory = "netsoakd";
        RuntimeDirectory = "netsoakd";
        UMask = "0077";

        # SYS_ADMIN enters namespaces, SYS_PTRACE finds them in /proc, NET_ADMIN reads sockets and reconciles.
        CapabilityBoundingSet = [
          "CAP_NET_ADMIN"
          "CAP_SYS_ADMIN"
          "CAP_SYS_PTRACE"
        ];
        LockPersonality = true;
        NoNewPrivileges = true;
        PrivateDevices = true;
        PrivateTmp = true;
        ProtectClock = true;
        ProtectHome = true;
        ProtectHostname = true;
        ProtectKernelLogs = true;
        ProtectKernelModules = true;
        ProtectKernelTunables = true;
        ProtectSystem = "strict";
        RestrictAddressFamilies = [
          "AF_INET"
          "AF_INET6"
          "AF_NETLINK"
          "AF_UNIX"
        ];
        RestrictNamespaces = "net";
        RestrictRealtime = true;
        RestrictSUIDSGID = true;
        SystemCallArchitectures = "native";
        SystemCallFilter = [
          "@system-service"
          "setns"
        ];
        # MemoryDenyWriteExecute is missing on purpose: V8 compiles at run time.
      };
    };
  };
}
