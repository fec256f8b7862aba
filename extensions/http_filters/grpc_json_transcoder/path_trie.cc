#include "extensions/http_filters/grpc_json_transcoder/path_trie.h"

namespace weir::extensions::http_filters::grpc_json_transcoder {
namespace {

// Where the segment that begins at `at` ends.
size_t segmentEnd(std::string_view path, size_t at) {
  const size_t slash = path.find('/', at);
  return slash == std::string_view::npos ? path.size() : slash;
}

}  // namespace

std::optional<uint32_t> PathTrie::add(const PathTemplate& path_template, uint32_t route) {
  uint32_t node = 0;
  bool rest = false;
  for (const PathTemplate::Segment& segment : path_template.segments) {
    rest = segment.kind == PathTemplate::Kind::kRest;
    if (!rest) node = descend(node, segment);
  }
  Ends& ends = rest ? nodes_[node].rest : nodes_[node].exact;
  if (const auto other = endOf(ends, path_template.verb)) return other;
  ends.emplace_back(path_template.verb, route);
  if (!path_template.verb.empty()) verbs_[path_template.verb] = true;
  return std::nullopt;
}

uint32_t PathTrie::descend(uint32_t node, const PathTemplate::Segment& segment) {
  const auto next = static_cast<uint32_t>(nodes_.size());
  uint32_t& child = segment.kind == PathTemplate::Kind::kLiteral
                        ? nodes_[node].literals[segment.literal]
                        : nodes_[node].one;
  if (child != 0) return child;
  child = next;
  nodes_.emplace_back();  // may move what `child` refers to
  return next;
}

std::optional<uint32_t> PathTrie::match(std::string_view path) const {
  if (path.empty() || path.front() != '/') return std::nullopt;
  const auto restOf = [](std::string_view whole) {
    return Rest{whole.size() > 1, whole.substr(1)};
  };
  const size_t colon = path.rfind(':');
  const bool last =
      colon != std::string_view::npos && path.find('/', colon) == std::string_view::npos;
  if (last) {
    const std::string_view verb = path.substr(colon + 1);
    if (verbs_.contains(verb)) {
      if (const auto route = find(0, restOf(path.substr(0, colon)), verb)) return route;
    }
  }
  return find(0, restOf(path), {});
}

// As deep as the templates, whatever the path.
std::optional<uint32_t> PathTrie::find(uint32_t at, Rest rest, std::string_view verb) const {
  const Node& node = nodes_[at];
  if (!rest.more) {
    const auto exact = endOf(node.exact, verb);
    return exact ? exact : endOf(node.rest, verb);
  }
  const size_t end = segmentEnd(rest.text, 0);
  const std::string_view segment = rest.text.substr(0, end);
  const bool more = end < rest.text.size();
  const Rest below{more, more ? rest.text.substr(end + 1) : std::string_view()};
  if (const auto literal = node.literals.find(segment); literal != node.literals.end()) {
    if (const auto route = find(literal->second, below, verb)) return route;
  }
  if (node.one != 0 && !segment.empty()) {
    if (const auto route = find(node.one, below, verb)) return route;
  }
  return endOf(node.rest, verb);
}

std::optional<uint32_t> PathTrie::endOf(const Ends& ends, std::string_view verb) {
  for (const auto& end : ends) {
    if (end.first == verb) return end.second;
  }
  return std::nullopt;
}

std::string_view captured(std::string_view path, const PathTemplate& path_template,
                          const PathTemplate::Variable& variable) {
  if (!path_template.verb.empty()) path.remove_suffix(path_template.verb.size() + 1);
  size_t start = 1;
  for (size_t i = 0; i < variable.first && start <= path.size(); ++i) {
    start = segmentEnd(path, start) + 1;
  }
  if (start > path.size()) return {};  // "**" of no segments
  if (path_template.segments[variable.last - 1].kind == PathTemplate::Kind::kRest) {
    return path.substr(start);
  }
  size_t end = start;
  for (size_t i = variable.first; i < variable.last; ++i) end = segmentEnd(path, end) + 1;
  return path.substr(start, end - 1 - start);
}

}  // namespace weir::extensions::http_filters::grpc_json_transcoder
