#include "source/http/header_rules.h"

#include <algorithm>

#include "source/base/ascii.h"
#include "source/base/concat.h"
#include "source/http/semantics.h"

namespace weir::http {
namespace {

using Kind = HeaderRule::Kind;

bool takesValue(Kind kind) {
  return kind != Kind::kRemove && kind != Kind::kRemovePrefix;
}

absl::Status wrong(std::string_view what, std::string_view right) {
  return absl::InvalidArgumentError(base::concat(what, "; ", right));
}

bool startsWithIgnoreCase(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() &&
         base::equalsIgnoreCase(text.substr(0, prefix.size()), prefix);
}

absl::Status checkName(const HeaderRule& rule) {
  const std::string_view name = rule.name;
  if (rule.kind == Kind::kRemovePrefix && name.size() < HeaderRules::kMinPrefixBytes) {
    return wrong(base::concat("\"", name, "\" is too short for a prefix"),
                 "write at least two characters");
  }
  if (name.empty()) return wrong("a field needs a name", "write name: \"x-example\"");
  if (name[0] == ':') {
    return wrong(base::concat("\"", name, "\" is a pseudo-field"),
                 "path and host are changed by rewrite and host_rewrite of a route");
  }
  if (!isToken(name)) {
    return wrong(base::concat("\"", name, "\" cannot be the name of a field"),
                 "use letters, digits, \"-\" and \"_\"");
  }
  if (rule.kind == Kind::kRemovePrefix || !HeaderRules::isProtected(name)) return absl::OkStatus();
  if (headerId(name) == HeaderId::kHost) {
    return wrong("Host is not a field like others", "use host_rewrite of a route");
  }
  return wrong(base::concat("\"", name,
                            "\" frames messages or belongs to one connection, which Weir sees to"),
               "leave it out");
}

void removeNamed(HeaderMap& headers, HeaderId id, std::string_view name) {
  id == HeaderId::kOther ? headers.remove(name) : headers.remove(id);
}

bool has(const HeaderMap& headers, HeaderId id, std::string_view name) {
  return id == HeaderId::kOther ? headers.has(name) : headers.has(id);
}

// What is new is written as the rule writes it.
void put(HeaderMap& headers, HeaderId id, std::string_view name, std::string_view value) {
  if (!has(headers, id, name)) return headers.add(name, value);
  id == HeaderId::kOther ? headers.set(name, value) : headers.set(id, value);
}

// All fields of the name as one, with `value` behind them.
void append(HeaderMap& headers, HeaderId id, std::string_view name, std::string_view value) {
  const std::string_view separator = id == HeaderId::kCookie ? "; " : ", ";
  const auto is = [&](const HeaderMap::Field& field) {
    return field.id == id && (id != HeaderId::kOther || base::equalsIgnoreCase(field.name, name));
  };
  size_t size = value.size();
  headers.forEach([&](const HeaderMap::Field& field) {
    if (is(field) && !field.value.empty()) size += field.value.size() + separator.size();
  });
  char* const text = static_cast<char*>(headers.arena().allocate(size, 1));
  char* end = text;
  headers.forEach([&](const HeaderMap::Field& field) {
    if (!is(field) || field.value.empty()) return;
    end += field.value.copy(end, field.value.size());
    end += separator.copy(end, separator.size());
  });
  value.copy(end, value.size());
  put(headers, id, name, {text, size});
}

}  // namespace

bool HeaderRules::isProtected(std::string_view name) {
  if (name.starts_with(':')) return true;
  switch (headerId(name)) {
    case HeaderId::kConnection:
    case HeaderId::kContentLength:
    case HeaderId::kHost:
    case HeaderId::kKeepAlive:
    case HeaderId::kProxyConnection:
    case HeaderId::kTe:
    case HeaderId::kTrailer:
    case HeaderId::kTransferEncoding:
    case HeaderId::kUpgrade:
      return true;
    case HeaderId::kOther:
      return base::equalsIgnoreCase(name, "http2-settings");
    default:
      return false;
  }
}

absl::Status HeaderRules::check(const HeaderRule& rule) {
  if (absl::Status named = checkName(rule); !named.ok()) return named;
  if (!takesValue(rule.kind)) return absl::OkStatus();
  if (rule.kind == Kind::kAppend && headerId(rule.name) == HeaderId::kSetCookie) {
    return wrong("Set-Cookie is no list", "use add");
  }
  if (rule.value.size() > kMaxFormatBytes) {
    return wrong(base::concat("the value has ", rule.value.size(), " bytes"),
                 base::concat("at most ", kMaxFormatBytes, " are allowed"));
  }
  if (!isFieldValue(rule.value)) {
    return wrong("the value has control characters", "write plain text and operators");
  }
  return Format::parse(rule.value).status();
}

HeaderRules::HeaderRules(std::vector<HeaderRule> rules) {
  std::stable_sort(rules.begin(), rules.end(),
                   [](const HeaderRule& a, const HeaderRule& b) { return a.kind < b.kind; });
  for (HeaderRule& rule : rules) {
    Compiled compiled{
        rule.kind, rule.keep_empty, /*literal=*/true, headerId(rule.name), std::move(rule.name), {},
        {}};
    if (takesValue(rule.kind)) {
      if (auto format = Format::parse(rule.value); format.ok()) {
        compiled.literal = format->isLiteral();
        if (compiled.literal) compiled.text = base::trimOws(format->literal());
        compiled.format = *std::move(format);
      }
    }
    rules_.push_back(std::move(compiled));
  }
}

void HeaderRules::apply(const LogEntry& entry, HeaderMap& headers) const {
  for (const Compiled& rule : rules_) {
    if (rule.literal) {
      apply(rule, rule.text, headers);
      continue;
    }
    thread_local std::string text;  // keeps its capacity
    text.clear();
    rule.format.appendFieldValue(entry, text);
    apply(rule, base::trimOws(std::string_view(text).substr(0, kMaxValueBytes)), headers);
  }
}

void HeaderRules::apply(const Compiled& rule, std::string_view value, HeaderMap& headers) {
  const bool nothing = value.empty() && !rule.keep_empty;
  switch (rule.kind) {
    case Kind::kRemove:
      return removeNamed(headers, rule.id, rule.name);
    case Kind::kRemovePrefix:
      return headers.removeIf([&](const HeaderMap::Field& field) {
        return startsWithIgnoreCase(field.name, rule.name) && !isProtected(field.name);
      });
    case Kind::kSet:
      return nothing ? removeNamed(headers, rule.id, rule.name)
                     : put(headers, rule.id, rule.name, value);
    case Kind::kAddIfAbsent:
      if (nothing || has(headers, rule.id, rule.name)) return;
      return headers.add(rule.name, value);
    case Kind::kAppend:
      if (nothing) return;
      return append(headers, rule.id, rule.name, value);
    case Kind::kAdd:
      if (nothing) return;
      return headers.add(rule.name, value);
  }
}

}  // namespace weir::http
