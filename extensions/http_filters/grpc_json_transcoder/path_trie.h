#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "extensions/http_filters/grpc_json_transcoder/path_template.h"
#include "source/base/string_map.h"

namespace weir::extensions::http_filters::grpc_json_transcoder {

// The templates of one HTTP method, merged by segment, so that a path is walked once however many
// there are. Immutable once all are added.
class PathTrie {
 public:
  // `route` is what match() answers. The route that matches the very same paths when there is one
  // already; then nothing is added.
  std::optional<uint32_t> add(const PathTemplate& path_template, uint32_t route);

  // Of the templates that match, the most specific: segment by segment from the left, a literal
  // before "*" before "**"; one with a verb before all without. `path` has no query. Literals are
  // compared as they stand, escapes included. No allocation.
  std::optional<uint32_t> match(std::string_view path) const;

 private:
  using Ends = std::vector<std::pair<std::string, uint32_t>>;  // by verb
  struct Node {
    base::StringMap<uint32_t> literals;
    uint32_t one = 0;  // 0: none, as nothing leads to the root
    Ends exact;
    Ends rest;
  };
  // What is left of a path below a node.
  struct Rest {
    bool more;  // there is a segment
    std::string_view text;
  };

  uint32_t descend(uint32_t node, const PathTemplate::Segment& segment);
  std::optional<uint32_t> find(uint32_t node, Rest rest, std::string_view verb) const;
  static std::optional<uint32_t> endOf(const Ends& ends, std::string_view verb);

  std::vector<Node> nodes_ = std::vector<Node>(1);
  base::StringMap<bool> verbs_;
};

// The part of `path`, which `path_template` matches, that `variable` of it stands for; still
// escaped.
std::string_view captured(std::string_view path, const PathTemplate& path_template,
                          const PathTemplate::Variable& variable);

}  // namespace weir::extensions::http_filters::grpc_json_transcoder
