#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "source/base/regex.h"
#include "source/http/header_map.h"

namespace weir::extensions::http_filters::tap {

inline constexpr std::string_view kRedacted = "[redacted]";

// What must not be written. Immutable.
class Redaction {
 public:
  // `fields`: names, in any case, beside those that always are.
  Redaction(const std::vector<std::string>& fields, std::vector<base::Regex> patterns);

  bool hidesField(std::string_view name) const;
  bool hasPatterns() const { return !patterns_.empty(); }
  // `text` as it may be written.
  std::string clean(std::string_view text) const;

 private:
  std::vector<std::string> fields_;  // lower case
  std::vector<base::Regex> patterns_;
};

// The beginning of a body.
struct RecordedBody {
  std::string bytes;
  uint64_t size = 0;  // of all of it
  bool encoded = false;
};

// Appends `"fields":[["name","value"],…]`.
void appendFields(const http::HeaderMap& fields, const Redaction& redaction, std::string& out);
// Appends `,"body_bytes":…` and, as there is something to show, "body" (text), "body_base64" or
// "body_omitted" (why), and "body_truncated".
void appendBody(const RecordedBody& body, size_t limit, const Redaction& redaction,
                std::string& out);

}  // namespace weir::extensions::http_filters::tap
