#include "source/router/condition_index.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <optional>
#include <utility>

#include "source/base/concat.h"
#include "source/http/cookies.h"
#include "source/http/query.h"
#include "source/router/route_conditions.h"

namespace weir::router {

struct ConditionIndex::Request {
  std::span<const RouteEntry> routes;
  const http::RequestHead& head;
  const http::StreamInfo& info;
};

namespace {

// Text of bounded length, put together on the stack.
template <size_t kSize>
struct Text {
  std::array<char, kSize> bytes;
  size_t size = 0;
  bool fits = true;

  void append(char c) {
    fits = fits && size < kSize;
    if (fits) bytes[size++] = c;
  }
  void append(std::string_view text) {
    fits = fits && text.size() <= kSize - size;
    if (!fits) return;
    std::memcpy(bytes.data() + size, text.data(), text.size());
    size += text.size();
  }
  std::optional<std::string_view> view() const {
    if (!fits) return std::nullopt;
    return std::string_view(bytes.data(), size);
  }
};

std::string_view pseudoHeader(const http::RequestHead& head, std::string_view name) {
  if (name == ":method") return head.method;
  if (name == ":path") return head.path;
  return name == ":scheme" ? head.scheme : head.authority;
}

template <size_t kSize>
std::optional<std::string_view> headerValue(const http::RequestHead& head, std::string_view name,
                                            http::HeaderId id, Text<kSize>& room) {
  if (name.starts_with(':')) return pseudoHeader(head, name);
  const http::HeaderMap& headers = head.headers;
  const bool known = id != http::HeaderId::kOther;
  const size_t count = known ? headers.count(id) : headers.count(name);
  if (count == 0) return std::nullopt;
  if (count == 1) return known ? headers.get(id) : headers.get(name);
  bool first = true;
  headers.forEach([&](const http::HeaderMap::Field& field) {
    if (known ? field.id != id : !base::equalsIgnoreCase(field.name, name)) return;
    if (!first) room.append(',');
    first = false;
    room.append(field.value);
  });
  return room.view();
}

template <size_t kSize>
std::optional<std::string_view> queryText(std::string_view target, std::string_view name,
                                          Text<kSize>& room) {
  const auto value = http::queryValue(target, name);
  if (!value || value->find('%') == std::string_view::npos) return value;
  for (http::PercentDecoder decoder(*value); !decoder.done() && room.fits;) {
    room.append(decoder.next());
  }
  return room.view();
}

}  // namespace

class ConditionIndex::Builder {
 public:
  explicit Builder(std::span<const RouteEntry> routes) : routes_(routes) {}

  absl::StatusOr<ConditionIndex> build(std::span<const uint32_t> members) {
    std::vector<uint32_t> reachable;
    for (const uint32_t member : members) {
      reachable.push_back(member);
      if (routes_[member].conditions == nullptr) {
        index_.unconditional_ = member;
        break;
      }
      terms_[member] = termsOf(*routes_[member].conditions);
    }
    addNode(reachable, {});
    if (!error_.ok()) return error_;
    return std::move(index_);
  }

 private:
  // A condition of a member, and the values that fulfil it.
  struct Term {
    uint32_t key = 0;
    std::vector<std::string_view> values;
  };
  using Values = std::map<std::pair<uint32_t, std::string_view>, size_t>;
  static constexpr size_t kFew = 4;  // are not worth a search

  uint32_t keyOf(Key key) {
    const auto found = std::find(index_.keys_.begin(), index_.keys_.end(), key);
    if (found != index_.keys_.end()) return static_cast<uint32_t>(found - index_.keys_.begin());
    index_.keys_.push_back(std::move(key));
    return static_cast<uint32_t>(index_.keys_.size() - 1);
  }

  void addTerm(std::vector<Term>& terms, Key key, std::vector<std::string_view> values) {
    const bool too_long = std::any_of(values.begin(), values.end(), [](std::string_view value) {
      return value.size() > kMaxValueBytes;
    });
    if (!values.empty() && !too_long) terms.push_back({keyOf(std::move(key)), std::move(values)});
  }

  template <class Matcher>
  void addExact(std::vector<Term>& terms, Key key, const Matcher& matcher) {
    const auto only = matcher.text().only();
    if (only && !matcher.inverted()) addTerm(terms, std::move(key), {*only});
  }

  std::vector<Term> termsOf(const RouteConditions& conditions) {
    std::vector<Term> terms;
    addTerm(terms, {.kind = Key::Kind::kMethod},
            {conditions.methods.begin(), conditions.methods.end()});
    for (const http::HeaderMatcher& matcher : conditions.headers) {
      addExact(terms,
               {.kind = Key::Kind::kHeader,
                .name = matcher.name(),
                .id = http::headerId(matcher.name())},
               matcher);
    }
    for (const http::ParameterMatcher& matcher : conditions.query) {
      addExact(terms, {.kind = Key::Kind::kQuery, .name = matcher.name()}, matcher);
    }
    for (const http::ParameterMatcher& matcher : conditions.cookies) {
      addExact(terms, {.kind = Key::Kind::kCookie, .name = matcher.name()}, matcher);
    }
    if (conditions.tls) addServerNames(terms, conditions.tls->server_names);
    return terms;
  }

  void addServerNames(std::vector<Term>& terms, const std::vector<std::string>& names) {
    const bool exact = std::none_of(names.begin(), names.end(),
                                    [](const std::string& name) { return name.starts_with('*'); });
    if (exact) addTerm(terms, {.kind = Key::Kind::kServerName}, {names.begin(), names.end()});
  }

  // The node's number. `used`: keys whose values all members have in common.
  uint32_t addNode(const std::vector<uint32_t>& members, const std::vector<uint32_t>& used) {
    Node node;
    if (members.size() <= kFew) {
      node.linear = members;
    } else {
      divide(members, used, node);
    }
    checkSize(node, routes_[members.front()].match.text);
    index_.nodes_.push_back(std::move(node));
    return static_cast<uint32_t>(index_.nodes_.size() - 1);
  }

  void divide(const std::vector<uint32_t>& members, const std::vector<uint32_t>& used, Node& node) {
    const auto isUsed = [&](uint32_t key) {
      return std::find(used.begin(), used.end(), key) != used.end();
    };
    Values counts;
    for (const uint32_t member : members) {
      for (const Term& term : terms_[member]) {
        if (isUsed(term.key)) continue;
        for (const std::string_view value : term.values) ++counts[{term.key, value}];
      }
    }
    std::map<uint32_t, std::map<std::string_view, std::vector<uint32_t>>> parts;
    for (const uint32_t member : members) {
      const Term* best = nullptr;
      size_t least = 0;
      for (const Term& term : terms_[member]) {
        if (isUsed(term.key)) continue;
        size_t most = 0;
        for (const std::string_view value : term.values) {
          most = std::max(most, counts[{term.key, value}]);
        }
        if (best != nullptr && most >= least) continue;
        best = &term;
        least = most;
      }
      if (best == nullptr) {
        node.linear.push_back(member);
        continue;
      }
      for (const std::string_view value : best->values) parts[best->key][value].push_back(member);
    }
    for (const auto& [key, values] : parts) {
      Choice choice{.key = key};
      std::vector<uint32_t> now_used = used;
      now_used.push_back(key);
      for (const auto& [value, part] : values) {
        choice.smallest = std::min(choice.smallest, part.front());
        choice.nodes.emplace(std::string(value), addNode(part, now_used));
      }
      node.choices.push_back(std::move(choice));
    }
  }

  void checkSize(const Node& node, const std::string& path) {
    if (node.linear.size() + node.choices.size() <= kMaxLinear || !error_.ok()) return;
    error_ = absl::InvalidArgumentError(base::concat(
        node.linear.size() + node.choices.size(), " routes with the path \"", path,
        "\" can only be told apart one by one, which would slow down each request; tell them apart "
        "by exact values of one method, header, query parameter or cookie, at most ",
        kMaxLinear, " otherwise"));
  }

  std::span<const RouteEntry> routes_;
  std::map<uint32_t, std::vector<Term>> terms_;  // of members
  absl::Status error_;
  ConditionIndex index_;
};

absl::StatusOr<ConditionIndex> ConditionIndex::build(std::span<const RouteEntry> routes,
                                                     std::span<const uint32_t> members) {
  return Builder(routes).build(members);
}

uint32_t ConditionIndex::find(std::span<const RouteEntry> routes, const http::RequestHead& head,
                              const http::StreamInfo& info, uint32_t best) const {
  search(nodes_.back(), {routes, head, info}, best);
  return best;
}

void ConditionIndex::search(const Node& node, const Request& request, uint32_t& best) const {
  for (const uint32_t member : node.linear) {
    if (member >= best) break;
    const RouteConditions* const conditions = request.routes[member].conditions.get();
    if (conditions != nullptr && !conditions->hold(request.head, request.info)) continue;
    best = member;
    break;
  }
  for (const Choice& choice : node.choices) {
    if (choice.smallest >= best) continue;
    const Key& key = keys_[choice.key];
    Text<kMaxValueBytes> room;
    std::optional<std::string_view> value;
    switch (key.kind) {
      case Key::Kind::kMethod:
        value = request.head.method;
        break;
      case Key::Kind::kServerName:
        value = request.info.requested_server_name;
        break;
      case Key::Kind::kHeader:
        value = headerValue(request.head, key.name, key.id, room);
        break;
      case Key::Kind::kQuery:
        value = queryText(request.head.path, key.name, room);
        break;
      case Key::Kind::kCookie:
        value = http::cookieValue(request.head.headers, key.name);
        break;
    }
    if (!value) continue;
    const auto next = choice.nodes.find(*value);
    if (next != choice.nodes.end()) search(nodes_[next->second], request, best);
  }
}

}  // namespace weir::router
