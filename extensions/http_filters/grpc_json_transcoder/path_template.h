#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace weir::extensions::http_filters::grpc_json_transcoder {

// A path template of google.api.http (google/api/http.proto, "Path template syntax"):
//
//   Template  = "/" [ Segments ] [ ":" LITERAL ]
//   Segments  = Segment { "/" Segment }
//   Segment   = "*" | "**" | LITERAL | "{" FieldPath [ "=" Segments ] "}"
//   FieldPath = IDENT { "." IDENT }
//
// "*" is one segment that is not empty, "**" any number of them, also none, and stands last. Value.
struct PathTemplate {
  enum class Kind : uint8_t { kLiteral, kOne, kRest };
  struct Segment {
    Kind kind = Kind::kLiteral;
    std::string literal = {};
    bool operator==(const Segment&) const = default;
  };
  // What segments [first, last) of a path give a field; with kRest among them, all to the end.
  struct Variable {
    std::vector<std::string> field;  // names from the outermost message inwards
    size_t first = 0;
    size_t last = 0;
    bool operator==(const Variable&) const = default;
  };

  std::vector<Segment> segments;  // none: "/"
  std::string verb;               // behind the colon; empty: none
  std::vector<Variable> variables;

  // Variables may span several segments; then an escaped slash in them stays escaped.
  bool spansSegments(const Variable& variable) const;
};

// Errors read "column 5: what; what would be right".
absl::StatusOr<PathTemplate> parsePathTemplate(std::string_view text);

}  // namespace weir::extensions::http_filters::grpc_json_transcoder
