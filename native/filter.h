// Filter expressions -> the byte code that the kernel runs on every socket of a dump (INET_DIAG_REQ_BYTECODE, linux/inet_diag.h), so that
// what nobody wants is never sent. Pure but for Names.
//
// The grammar is that of ss, with the precedence its manual gives: or, and, not (ss 6.1 itself reads `a or b and c` as `(a or b) and c`).
//
//   expression = term { ("or" | "|" | "||") term }
//   term       = factor { ["and" | "&" | "&&"] factor }
//   factor     = ("not" | "!") factor | "(" expression ")" | predicate
//   predicate  = ("sport" | "dport") [comparison] [":"] (number | service)
//              | ("src" | "dst") [equality] host
//              | "dev" [equality] index
//              | ("mark" | "fwmark") [equality] number ["/" mask]
//              | "cgroup" [equality] (path | id)
//              | "autobound"
//   host       = ["inet:" | "inet6:"] ["*" | address ["/" prefix]] [":" (number | service | "*")]     IPv6 in brackets, or with its prefix
//   comparison = "=" "==" "eq"  "!=" "ne" "neq"  "<" "lt"  "<=" "le" "leq"  ">" "gt"  ">=" "ge" "geq";   equality = the first two of them
//
// Unlike ss: blanks around operators and parentheses are optional, `src != ...` works, interfaces are given by index (a name stands for another
// index in each namespace), hosts only by address, `inet:*` is a condition like any other (ss narrows
// the whole dump by it), and states are a setting of their own.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace netsoak {

/** What an expression may name instead of a number. */
class FilterNames {
 public:
  virtual ~FilterNames() = default;
  /** Port of a TCP service. */
  virtual std::optional<uint16_t> port(const std::string& service) const = 0;
  /** Id of a cgroup v2 by the path of its directory. */
  virtual std::optional<uint64_t> cgroup(const std::string& path) const = 0;
};

/** Those of this host: /etc/services and the file system. */
const FilterNames& host_filter_names();

struct FilterError {
  /** Of the character it complains of, from 1. */
  size_t column;
  std::string message;
};

/** What a socket must tell for a program to be run on it outside the kernel. */
struct FilterNeeds {
  bool mark = false;
  bool cgroup = false;
  bool autobound = false;
};

struct Filter {
  /** struct inet_diag_bc_op after struct inet_diag_bc_op. Empty: every socket. */
  std::vector<uint8_t> program;
  FilterNeeds needs;
};

/** An expression of blanks alone gives the empty program. */
std::variant<Filter, FilterError> compile_filter(const std::string& text, const FilterNames& names);

}  // namespace netsoak
