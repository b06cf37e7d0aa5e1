// Recursive descent over the grammar in filter.h.
#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <string.h>
#include <sys/socket.h>

#include <algorithm>
#include <initializer_list>

#include "filter_tree.h"

namespace netsoak {
namespace {

using Node = FilterNode;
using Test = FilterTest;

/** Parentheses and nots: each takes a frame of this stack. */
constexpr unsigned kMostDepth = 200;

Node leaf(Test test) { return {Node::Kind::kTest, std::move(test), {}}; }
Node joined(Node::Kind kind, std::vector<Node> parts) {
  if (parts.size() == 1) return std::move(parts[0]);
  return {kind, {}, std::move(parts)};
}
Node negated(Node node, bool negate = true) {
  if (!negate) return node;
  Node inverse{Node::Kind::kNot, {}, {}};
  inverse.parts.push_back(std::move(node));
  return inverse;
}

template <typename T>
void append(std::vector<uint8_t>& bytes, const T& value) {
  const auto* const at = reinterpret_cast<const uint8_t*>(&value);
  bytes.insert(bytes.end(), at, at + sizeof value);
}

/** A port comparison: the port stands where an op has its `no`. */
Test port_test(uint8_t code, uint16_t port) {
  Test test{code, {}};
  append(test.operand, inet_diag_bc_op{0, 0, port});
  return test;
}

constexpr int kAnyPort = -1;

Test host_test(bool source, uint8_t family, const uint8_t* address, uint8_t prefix, int port) {
  Test test{static_cast<uint8_t>(source ? INET_DIAG_BC_S_COND : INET_DIAG_BC_D_COND), {}};
  inet_diag_hostcond condition{};
  condition.family = family;
  condition.prefix_len = prefix;
  condition.port = port;
  append(test.operand, condition);
  const size_t length = family == AF_INET ? 4 : family == AF_INET6 ? 16 : 0;
  test.operand.insert(test.operand.end(), address, address + length);
  return test;
}

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_symbol(char c) { return strchr("()!&|<>=", c) != nullptr && c != '\0'; }

struct Token {
  std::string text;
  size_t column;
};

/** A whole number, decimal or 0x, that is at most `most`. */
std::optional<uint64_t> number(const std::string& text, uint64_t most) {
  const bool hex = text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
  if (text.empty()) return std::nullopt;
  uint64_t value = 0;
  for (size_t i = hex ? 2 : 0; i < text.size(); i++) {
    const char c = text[i];
    const int digit = c >= '0' && c <= '9' ? c - '0' : hex && c >= 'a' && c <= 'f' ? c - 'a' + 10 : hex && c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    if (digit < 0) return std::nullopt;
    const uint64_t base = hex ? 16 : 10;
    if (value > (most - static_cast<uint64_t>(digit)) / base) return std::nullopt;
    value = value * base + static_cast<uint64_t>(digit);
  }
  return value;
}

enum class Compare { kEqual, kUnequal, kLess, kLessOrEqual, kGreater, kGreaterOrEqual };

std::optional<Compare> comparison(const std::string& text) {
  static constexpr struct {
    const char* text;
    Compare compare;
  } kSpellings[] = {{"=", Compare::kEqual},        {"==", Compare::kEqual},           {"eq", Compare::kEqual},
                    {"!=", Compare::kUnequal},     {"ne", Compare::kUnequal},         {"neq", Compare::kUnequal},
                    {"<", Compare::kLess},         {"lt", Compare::kLess},            {"<=", Compare::kLessOrEqual},
                    {"le", Compare::kLessOrEqual}, {"leq", Compare::kLessOrEqual},    {">", Compare::kGreater},
                    {"gt", Compare::kGreater},     {">=", Compare::kGreaterOrEqual},  {"ge", Compare::kGreaterOrEqual},
                    {"geq", Compare::kGreaterOrEqual}};
  for (const auto& spelling : kSpellings) {
    if (text == spelling.text) return spelling.compare;
  }
  return std::nullopt;
}

bool any_of(const std::string& text, std::initializer_list<const char*> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}
bool is_or(const std::string& text) { return any_of(text, {"or", "|", "||"}); }
bool is_and(const std::string& text) { return any_of(text, {"and", "&", "&&"}); }
bool is_not(const std::string& text) { return any_of(text, {"not", "!"}); }

constexpr char kPredicates[] = "sport, dport, src, dst, dev, mark, cgroup, autobound, not or (";

class Parser {
 public:
  Parser(const std::string& text, const FilterNames& names, FilterNeeds& needs) : names_(names), needs_(needs) {
    split(text);
    end_column_ = text.size() + 1;
  }

  /** The whole text. @throws FilterError */
  Node parse() {
    Node tree = expression(0);
    if (!done()) fail(peek() == ")" ? "this ) closes nothing" : "expected and, or, or the end, found " + found());
    return tree;
  }

 private:
  void split(const std::string& text) {
    for (size_t at = 0; at < text.size();) {
      if (static_cast<unsigned char>(text[at]) < 0x20 && !is_blank(text[at])) fail_at(at + 1, "a control character has no meaning here");
      if (is_blank(text[at])) {
        at++;
        continue;
      }
      const size_t start = at++;
      if (!is_symbol(text[start])) {
        while (at < text.size() && static_cast<unsigned char>(text[at]) > 0x20 && !is_symbol(text[at])) at++;
      } else if (at < text.size()) {
        const std::string two = text.substr(start, 2);
        if (any_of(two, {"&&", "||", "<=", ">=", "!=", "=="})) at++;
      }
      tokens_.push_back({text.substr(start, at - start), start + 1});
    }
  }

  bool done() const { return at_ == tokens_.size(); }
  const std::string& peek() const {
    static const std::string none;
    return done() ? none : tokens_[at_].text;
  }
  size_t column() const { return done() ? end_column_ : tokens_[at_].column; }
  std::string found() const { return done() ? "the end" : '"' + peek() + '"'; }
  [[noreturn]] void fail(std::string message) const { throw FilterError{column(), std::move(message)}; }
  [[noreturn]] void fail_at(size_t column, std::string message) const { throw FilterError{column, std::move(message)}; }

  Node expression(unsigned depth) {
    std::vector<Node> terms;
    terms.push_back(term(depth));
    while (!done() && is_or(peek())) {
      at_++;
      terms.push_back(term(depth));
    }
    return joined(Node::Kind::kOr, std::move(terms));
  }

  Node term(unsigned depth) {
    std::vector<Node> factors;
    factors.push_back(factor(depth));
    while (!done() && !is_or(peek()) && peek() != ")") {
      if (is_and(peek())) at_++;
      factors.push_back(factor(depth));
    }
    return joined(Node::Kind::kAnd, std::move(factors));
  }

  Node factor(unsigned depth) {
    if (depth > kMostDepth) fail("nested deeper than " + std::to_string(kMostDepth) + " levels");
    if (done()) fail(std::string("expected ") + kPredicates + ", found the end");
    if (is_not(peek())) {
      at_++;
      return negated(factor(depth + 1));
    }
    if (peek() == "(") {
      const size_t opened = column();
      at_++;
      Node inner = expression(depth + 1);
      if (peek() != ")") fail("expected ) for the ( in column " + std::to_string(opened) + ", found " + found());
      at_++;
      return inner;
    }
    return predicate();
  }

  Node predicate() {
    const std::string word = peek();
    const bool source = word[0] == 's';
    if (any_of(word, {"sport", "dport"})) return at_++, port_predicate(source);
    if (any_of(word, {"src", "dst"})) return at_++, host_predicate(source);
    if (word == "dev") return at_++, device_predicate();
    if (any_of(word, {"mark", "fwmark"})) return at_++, mark_predicate();
    if (word == "cgroup") return at_++, cgroup_predicate();
    if (word == "autobound") {
      at_++;
      needs_.autobound = true;
      return leaf({INET_DIAG_BC_AUTO, {}});
    }
    if (any_of(word, {"state", "exclude"})) fail("states are a setting of their own, not part of the filter");
    fail(std::string("expected ") + kPredicates + ", found " + found());
  }

  Compare operation() {
    const std::optional<Compare> compare = comparison(peek());
    if (compare) at_++;
    return compare.value_or(Compare::kEqual);
  }

  /** = or !=; true for the latter. */
  bool unequal(const char* word) {
    const size_t where = column();
    const Compare compare = operation();
    if (compare != Compare::kEqual && compare != Compare::kUnequal) fail_at(where, std::string(word) + " can only be compared by = and !=");
    return compare == Compare::kUnequal;
  }

  /** The next word, which is the value of a predicate. */
  const Token& value(const char* expected) {
    if (done() || is_symbol(peek()[0])) fail(std::string("expected ") + expected + ", found " + found());
    return tokens_[at_++];
  }

  uint16_t port(const std::string& text, size_t column) const {
    const bool digits = !text.empty() && text[0] >= '0' && text[0] <= '9';
    if (digits) {
      if (const auto given = number(text, UINT16_MAX)) return static_cast<uint16_t>(*given);
    } else if (!text.empty()) {
      if (const auto known = names_.port(text)) return *known;
      fail_at(column, "expected a port, found \"" + text + "\", which is no TCP service that this host knows");
    }
    fail_at(column, "expected a port from 0 to 65535, found " + (text.empty() ? "nothing" : '"' + text + '"'));
  }

  Node port_predicate(bool source) {
    const Compare compare = operation();
    const Token& token = value("a port such as :443");
    const size_t skip = token.text[0] == ':' ? 1 : 0;
    const uint16_t given = port(token.text.substr(skip), token.column + skip);
    const uint8_t at_least = source ? INET_DIAG_BC_S_GE : INET_DIAG_BC_D_GE;
    const uint8_t at_most = source ? INET_DIAG_BC_S_LE : INET_DIAG_BC_D_LE;
    switch (compare) {
      case Compare::kLess:
        return negated(leaf(port_test(at_least, given)));
      case Compare::kLessOrEqual:
        return leaf(port_test(at_most, given));
      case Compare::kGreater:
        return negated(leaf(port_test(at_most, given)));
      case Compare::kGreaterOrEqual:
        return leaf(port_test(at_least, given));
      case Compare::kEqual:
      case Compare::kUnequal:
        break;
    }
    // Not INET_DIAG_BC_S_EQ, which is shorter but newer: older kernels refuse it.
    return negated(leaf(host_test(source, AF_UNSPEC, nullptr, 0, given)), compare == Compare::kUnequal);
  }

  Node host_predicate(bool source) {
    const bool negate = unequal(source ? "src" : "dst");
    const Token& token = value("an address such as 10.0.0.0/8 or [fd00::/8]:443");
    return negated(leaf(host(source, token)), negate);
  }

  Test host(bool source, const Token& token) const {
    std::string rest = token.text;
    size_t column = token.column;
    const auto skip = [&](size_t length) {
      rest.erase(0, length);
      column += length;
    };
    uint8_t wanted = AF_UNSPEC;
    if (rest.rfind("inet:", 0) == 0) {
      wanted = AF_INET;
      skip(5);
    } else if (rest.rfind("inet6:", 0) == 0) {
      wanted = AF_INET6;
      skip(6);
    }

    // Where the address ends, and whether it is one.
    std::string address;
    const size_t address_column = column;
    std::string after;
    size_t after_column = column;
    if (!rest.empty() && rest[0] == '[') {
      const size_t close = rest.find(']');
      if (close == std::string::npos) fail_at(column, "expected ] after the address");
      address = rest.substr(1, close - 1);
      if (address.empty()) fail_at(column, "expected an IPv6 address in the brackets");
      if (address.find(':') == std::string::npos) fail_at(column, "brackets are for IPv6 addresses");
      skip(close + 1);
      if (!rest.empty() && rest[0] == '/' && address.find('/') == std::string::npos) {
        // [fd00::]/8:443 as well as [fd00::/8]:443.
        const size_t end = std::min(rest.find(':'), rest.size());
        address += rest.substr(0, end);
        skip(end);
      }
    } else {
      const size_t slash = rest.find('/');
      // Behind a prefix every colon is that of a port; before it only a single one is.
      const size_t end = slash != std::string::npos ? rest.find(':', slash) : rest.find(':');
      address = rest.substr(0, end);
      if (slash == std::string::npos && end != std::string::npos && rest.find(':', end + 1) != std::string::npos) {
        fail_at(column, "an IPv6 address stands in brackets: [" + rest + "]");
      }
      skip(address.size());
    }
    after = rest;
    after_column = column;

    int given = kAnyPort;
    if (!after.empty()) {
      if (after[0] != ':') fail_at(after_column, "expected : and a port, found \"" + after + '"');
      if (after != ":*") given = port(after.substr(1), after_column + 1);
    }
    if (address.empty() || address == "*") {
      if (address.empty() && after.empty()) fail_at(address_column, "expected an address, found nothing");
      uint8_t zeros[16] = {};
      return host_test(source, wanted, zeros, 0, given);
    }

    const size_t slash = address.find('/');
    const std::string plain = address.substr(0, slash);
    uint8_t bytes[16] = {};
    const uint8_t family = plain.find(':') == std::string::npos ? AF_INET : AF_INET6;
    if (inet_pton(family, plain.c_str(), bytes) != 1) {
      fail_at(address_column, "expected an IPv4 address, an IPv6 address in brackets or *, found \"" + plain + "\" (names are not resolved)");
    }
    if (wanted != AF_UNSPEC && wanted != family) fail_at(address_column, '"' + plain + "\" is not of that family");
    const unsigned bits = family == AF_INET ? 32 : 128;
    uint64_t prefix = bits;
    if (slash != std::string::npos) {
      const auto length = number(address.substr(slash + 1), bits);
      if (!length) fail_at(address_column, "expected a prefix length from 0 to " + std::to_string(bits) + " in \"" + address + '"');
      prefix = *length;
    }
    return host_test(source, family, bytes, static_cast<uint8_t>(prefix), given);
  }

  Node device_predicate() {
    const bool negate = unequal("dev");
    const Token& token = value("the index of an interface");
    const auto index = number(token.text, INT32_MAX);
    if (!index) {
      fail_at(token.column, "expected the index of an interface, found \"" + token.text + "\": a name stands for another one in each namespace");
    }
    Test test{INET_DIAG_BC_DEV_COND, {}};
    append(test.operand, static_cast<uint32_t>(*index));
    return negated(leaf(std::move(test)), negate);
  }

  Node mark_predicate() {
    needs_.mark = true;
    const bool negate = unequal("mark");
    const Token& token = value("a mark such as 0x1 or 0x1/0x3");
    const size_t slash = token.text.find('/');
    const auto mark = number(token.text.substr(0, slash), UINT32_MAX);
    const auto mask = slash == std::string::npos ? std::optional<uint64_t>(UINT32_MAX) : number(token.text.substr(slash + 1), UINT32_MAX);
    if (!mark || !mask) fail_at(token.column, "expected a mark such as 0x1 or 0x1/0x3, found \"" + token.text + '"');
    Test test{INET_DIAG_BC_MARK_COND, {}};
    append(test.operand, inet_diag_markcond{static_cast<uint32_t>(*mark), static_cast<uint32_t>(*mask)});
    return negated(leaf(std::move(test)), negate);
  }

  Node cgroup_predicate() {
    needs_.cgroup = true;
    const bool negate = unequal("cgroup");
    const Token& token = value("the directory or the id of a cgroup v2");
    const bool path = token.text[0] == '/';
    const auto id = path ? names_.cgroup(token.text) : number(token.text, UINT64_MAX);
    if (!id) {
      fail_at(token.column, path ? '"' + token.text + "\" is no directory of a cgroup v2 file system"
                                 : "expected the directory (/sys/fs/cgroup/...) or the id of a cgroup v2, found \"" + token.text + '"');
    }
    Test test{INET_DIAG_BC_CGROUP_COND, {}};
    append(test.operand, *id);
    return negated(leaf(std::move(test)), negate);
  }

  const FilterNames& names_;
  FilterNeeds& needs_;
  std::vector<Token> tokens_;
  size_t at_ = 0;
  size_t end_column_ = 1;
};

}  // namespace

bool filter_is_blank(const std::string& text) { return std::all_of(text.begin(), text.end(), is_blank); }

FilterNode parse_filter(const std::string& text, const FilterNames& names, FilterNeeds& needs) { return Parser(text, names, needs).parse(); }

}  // namespace netsoak
