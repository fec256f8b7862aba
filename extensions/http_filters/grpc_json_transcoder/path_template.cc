#include "extensions/http_filters/grpc_json_transcoder/path_template.h"

#include <algorithm>
#include <utility>

#include "source/base/concat.h"

namespace weir::extensions::http_filters::grpc_json_transcoder {
namespace {

constexpr size_t kMaxBytes = 2048;

bool isLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool isDigit(char c) {
  return c >= '0' && c <= '9';
}
// What a path segment is made of (RFC 3986 3.3), without what means something in a template.
bool isLiteral(char c) {
  return isLetter(c) || isDigit(c) ||
         (c != '\0' && std::string_view("-.~!$&'()+,;@%").find(c) != std::string_view::npos);
}

// Recursive descent, one level deep: variables do not nest.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  absl::StatusOr<PathTemplate> parse() {
    if (text_.size() > kMaxBytes) return error("is longer than 2048 bytes", "shorten it");
    if (!take('/')) return error("does not begin with \"/\"", "write \"/v1/...\"");
    if (!atEnd() && peek() != ':') parseSegments(/*in_variable=*/false);
    if (error_.ok() && take(':')) parseVerb();
    if (error_.ok() && !atEnd()) fail("text behind the end of the template", "remove it");
    if (!error_.ok()) return error_;
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

  void parseSegments(bool in_variable) {
    do {
      parseSegment(in_variable);
    } while (error_.ok() && take('/'));
  }

  void parseSegment(bool in_variable) {
    const bool after_rest =
        !template_.segments.empty() && template_.segments.back().kind == PathTemplate::Kind::kRest;
    if (after_rest) return fail("a segment behind \"**\"", "\"**\" must be the last one");
    if (take('*')) {
      const bool rest = take('*');
      template_.segments.push_back({rest ? PathTemplate::Kind::kRest : PathTemplate::Kind::kOne});
    } else if (peek() == '{') {
      if (in_variable) return fail("a variable inside of a variable", "close it with \"}\" before");
      parseVariable();
    } else {
      parseLiteral();
    }
  }

  void parseLiteral() {
    const size_t start = at_;
    while (isLiteral(peek())) ++at_;
    if (at_ == start) return fail("a segment is missing", "write a literal, \"*\" or \"{field}\"");
    template_.segments.push_back(
        {PathTemplate::Kind::kLiteral, std::string(text_.substr(start, at_ - start))});
  }

  void parseVariable() {
    ++at_;
    PathTemplate::Variable variable;
    variable.first = template_.segments.size();
    do {
      parseIdentifier(variable);
    } while (error_.ok() && take('.'));
    if (!error_.ok()) return;
    if (take('=')) {
      parseSegments(/*in_variable=*/true);
    } else {
      template_.segments.push_back({PathTemplate::Kind::kOne});
    }
    variable.last = template_.segments.size();
    if (error_.ok() && !take('}')) return fail("a variable is not closed", "write \"}\"");
    const bool twice =
        std::any_of(template_.variables.begin(), template_.variables.end(),
                    [&](const auto& other) { return other.field == variable.field; });
    if (twice) return fail("a field is given twice", "name it in one place");
    template_.variables.push_back(std::move(variable));
  }

  void parseIdentifier(PathTemplate::Variable& variable) {
    const size_t start = at_;
    if (isLetter(peek())) {
      while (isLetter(peek()) || isDigit(peek())) ++at_;
    }
    if (at_ == start) return fail("the name of a field is missing", "write \"{field}\"");
    variable.field.emplace_back(text_.substr(start, at_ - start));
  }

  void parseVerb() {
    const size_t start = at_;
    while (isLiteral(peek())) ++at_;
    template_.verb = text_.substr(start, at_ - start);
    if (template_.verb.empty()) fail("the verb behind \":\" is missing", "write one, or no colon");
  }

  const std::string_view text_;
  size_t at_ = 0;
  PathTemplate template_;
  absl::Status error_;
};

}  // namespace

bool PathTemplate::spansSegments(const Variable& variable) const {
  return variable.last - variable.first != 1 || segments[variable.first].kind == Kind::kRest;
}

absl::StatusOr<PathTemplate> parsePathTemplate(std::string_view text) {
  return Parser(text).parse();
}

}  // namespace weir::extensions::http_filters::grpc_json_transcoder
