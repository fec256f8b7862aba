#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace weir::http {

// A shape of paths: "/users/{id}/orders/{order}".
//
//   Template = "/" [ Part { "/" Part } ]
//   Part     = LITERAL | "*" | "**" | "{" NAME [ "=" Part { "/" Part } ] "}"
//
// "*" is one segment that is not empty, "**" any number of them, also none, and stands last:
// "/a/**" matches "/a", "/a/" and "/a/b/c". "{id}" is "{id=*}"; what its parts match is the capture
// of that name. Captures do not nest. A "/" at the end of a template or path is an empty last
// segment. Immutable.
class PathTemplate {
 public:
  static constexpr size_t kMaxBytes = 2048;
  static constexpr size_t kMaxSegments = 64;
  static constexpr size_t kMaxLiteralBytes = 255;  // of one segment
  static constexpr size_t kMaxCaptures = 16;

  enum class Kind : uint8_t { kLiteral, kOne, kRest };
  struct Segment {
    Kind kind = Kind::kLiteral;
    std::string literal = {};
  };
  // Segments [first, last) of a path; with kRest among them, all to the end.
  struct Capture {
    std::string name;
    size_t first = 0;
    size_t last = 0;
  };

  // Errors read "column 5: what; what would be right".
  static absl::StatusOr<PathTemplate> parse(std::string_view text, bool ignore_case = false);

  // `path`: a request's target, with or without its query, here and below.
  bool matches(std::string_view path) const;
  // As it stands in the path, percent-encoded; of "**" it may be empty. Nothing: the path does not
  // match, or there is no such capture. Does not allocate.
  std::optional<std::string_view> capture(std::string_view path, std::string_view name) const;

  const std::vector<Segment>& segments() const { return segments_; }
  const std::vector<Capture>& captures() const { return captures_; }
  bool hasCapture(std::string_view name) const { return captureNamed(name) != nullptr; }
  bool ignoresCase() const { return ignore_case_; }
  // What it matches, without the names: templates that have the same match the same paths.
  std::string shape() const;
  const std::string& text() const { return text_; }

 private:
  class Parser;
  PathTemplate() = default;
  const Capture* captureNamed(std::string_view name) const;

  std::string text_;
  std::vector<Segment> segments_;  // none: "/"
  std::vector<Capture> captures_;
  bool ignore_case_ = false;
};

// Goes through the segments of a path: "/a//b" has "a", "" and "b"; "/" has none. Value.
class PathSegments {
 public:
  // Up to the query.
  explicit PathSegments(std::string_view target);
  bool done() const { return at_ > path_.size(); }
  std::string_view next();  // unless done()
  // Where the next segment begins; behind the path when done.
  size_t position() const { return at_; }
  std::string_view path() const { return path_; }

 private:
  std::string_view path_;
  size_t at_;
};

}  // namespace weir::http
