#include "source/http/path_template.h"

#include <algorithm>
#include <utility>

#include "source/base/ascii.h"
#include "source/base/concat.h"

namespace weir::http {
namespace {

bool isNameStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool isNameByte(char c) {
  return isNameStart(c) || (c >= '0' && c <= '9') || c == '-';
}
// What stands in a segment of a path (RFC 3986 3.3), without what means something in a template.
bool isLiteral(char c) {
  return isNameByte(c) ||
         (c != '\0' && std::string_view(".~!$&'()+,;:@%").find(c) != std::string_view::npos);
}

std::string_view withoutQuery(std::string_view target) {
  size_t end = 0;
  while (end < target.size() && target[end] != '?' && target[end] != '#') ++end;
  return target.substr(0, end);
}

}  // namespace

PathSegments::PathSegments(std::string_view target) : path_(withoutQuery(target)), at_(1) {
  if (path_.size() <= 1) at_ = path_.size() + 1;
}

std::string_view PathSegments::next() {
  const size_t begin = at_;
  const size_t slash = path_.find('/', begin);
  const size_t end = slash == std::string_view::npos ? path_.size() : slash;
  at_ = end + 1;
  return path_.substr(begin, end - begin);
}

// Recursive descent, one level deep.
class PathTemplate::Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  absl::StatusOr<PathTemplate> parse() {
    if (text_.size() > kMaxBytes) return error("is longer than 2048 bytes", "shorten it");
    if (!take('/'))
      return error("does not begin with \"/\"", base::concat("write \"/", text_, "\""));
    if (!atEnd()) parseParts(/*in_capture=*/false);
    if (error_.ok() && !atEnd()) {
      if (peek() == '?') {
        fail("the query is not part of what is matched", "use query_parameters");
      } else {
        fail("this cannot stand in a path template", "percent-encode it");
      }
    }
    if (!error_.ok()) return error_;
    template_.text_ = std::string(text_);
    return std::move(template_);
  }

 private:
  bool atEnd() const { return at_ == text_.size(); }
  char peek() const { return atEnd() ? '\0' : text_[at_]; }
  bool take(char c) {
    if (atEnd() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  absl::Status error(std::string_view what, std::string_view right) const {
    return absl::InvalidArgumentError(base::concat("column ", at_ + 1, ": ", what, "; ", right));
  }
  void fail(std::string_view what, std::string_view right) {
    if (error_.ok()) error_ = error(what, right);
  }

  void parseParts(bool in_capture) {
    do {
      parsePart(in_capture);
    } while (error_.ok() && take('/'));
  }

  void parsePart(bool in_capture) {
    auto& segments = template_.segments_;
    if (!segments.empty() && segments.back().kind == Kind::kRest) {
      return fail("there is a segment behind \"**\"", "\"**\" must be the last one");
    }
    if (segments.size() == kMaxSegments) return fail("has more than 64 segments", "use \"**\"");
    if (take('*')) {
      const bool rest = take('*');
      segments.push_back({rest ? Kind::kRest : Kind::kOne});
    } else if (peek() == '{') {
      if (in_capture) return fail("a capture inside of a capture", "close it with \"}\" before");
      return parseCapture();
    } else {
      parseLiteral(in_capture);
    }
    if (error_.ok() && !atEnd() && peek() != '/' && !(in_capture && peek() == '}')) {
      if (peek() == '*' || peek() == '{') {
        fail("a wildcard or capture is part of a segment", "each is a whole segment; or use regex");
      } else if (segments.back().kind != Kind::kLiteral) {
        fail("text behind a wildcard in the same segment", "write \"/\" between them");
      }
    }
  }

  void parseLiteral(bool in_capture) {
    const size_t start = at_;
    while (isLiteral(peek())) ++at_;
    const bool last = atEnd() && !in_capture;  // "/users/": an empty last segment
    if (at_ == start && !last && (peek() == '/' || peek() == '}')) {
      return fail("a segment is empty", "write a literal, \"*\" or \"{name}\"");
    }
    if (at_ - start > kMaxLiteralBytes)
      return fail("a segment is longer than 255 bytes", "use regex");
    template_.segments_.push_back({Kind::kLiteral, std::string(text_.substr(start, at_ - start))});
  }

  void parseCapture() {
    take('{');
    const size_t start = at_;
    if (isNameStart(peek())) {
      while (isNameByte(peek())) ++at_;
    }
    Capture capture{.name = std::string(text_.substr(start, at_ - start))};
    if (capture.name.empty()) {
      return fail("a capture has no name", "it begins with a letter or \"_\": \"{id}\"");
    }
    if (template_.hasCapture(capture.name)) {
      return fail(base::concat("there are two captures \"", capture.name, "\""), "rename one");
    }
    if (template_.captures_.size() == kMaxCaptures) {
      return fail("has more than 16 captures", "use \"*\" for what is not needed");
    }
    capture.first = template_.segments_.size();
    if (take('=')) {
      parseParts(/*in_capture=*/true);
    } else if (capture.first == kMaxSegments) {
      return fail("has more than 64 segments", "use \"**\"");
    } else {
      template_.segments_.push_back({Kind::kOne});
    }
    if (!error_.ok()) return;
    if (!take('}')) return fail("a capture is not closed", "write \"}\" behind it");
    capture.last = template_.segments_.size();
    template_.captures_.push_back(std::move(capture));
    if (!atEnd() && peek() != '/') {
      fail("text behind a capture in the same segment", "write \"/\" between them, or use regex");
    }
  }

  std::string_view text_;
  size_t at_ = 0;
  absl::Status error_;
  PathTemplate template_;
};

absl::StatusOr<PathTemplate> PathTemplate::parse(std::string_view text, bool ignore_case) {
  absl::StatusOr<PathTemplate> parsed = Parser(text).parse();
  if (parsed.ok()) parsed->ignore_case_ = ignore_case;
  return parsed;
}

bool PathTemplate::matches(std::string_view path) const {
  if (!path.starts_with('/')) return false;
  PathSegments segments(path);
  for (const Segment& segment : segments_) {
    if (segment.kind == Kind::kRest) return true;
    if (segments.done()) return false;
    const std::string_view text = segments.next();
    if (segment.kind == Kind::kOne) {
      if (text.empty()) return false;
    } else if (ignore_case_ ? !base::equalsIgnoreCase(text, segment.literal)
                            : text != segment.literal) {
      return false;
    }
  }
  return segments.done();
}

const PathTemplate::Capture* PathTemplate::captureNamed(std::string_view name) const {
  const auto found = std::find_if(captures_.begin(), captures_.end(),
                                  [&](const Capture& capture) { return capture.name == name; });
  return found == captures_.end() ? nullptr : &*found;
}

std::optional<std::string_view> PathTemplate::capture(std::string_view path,
                                                      std::string_view name) const {
  const Capture* const capture = captureNamed(name);
  if (capture == nullptr || !matches(path)) return std::nullopt;
  PathSegments segments(path);
  for (size_t i = 0; i < capture->first; ++i) segments.next();
  const size_t begin = std::min(segments.position(), segments.path().size());
  if (segments_[capture->last - 1].kind == Kind::kRest) return segments.path().substr(begin);
  for (size_t i = capture->first; i < capture->last; ++i) segments.next();
  return segments.path().substr(begin, segments.position() - 1 - begin);
}

std::string PathTemplate::shape() const {
  std::string shape;
  for (const Segment& segment : segments_) {
    const bool literal = segment.kind == Kind::kLiteral;
    shape += '/';
    shape += literal ? std::string_view(segment.literal) : segment.kind == Kind::kOne ? "*" : "**";
  }
  if (segments_.empty()) shape = "/";
  return ignore_case_ ? base::lowered(shape) : shape;
}

}  // namespace weir::http
