#include "extensions/http_filters/grpc_web/content_type.h"

#include <algorithm>
#include <initializer_list>

#include "source/base/ascii.h"
#include "source/http/grpc_semantics.h"

namespace weir::extensions::http_filters::grpc_web {
namespace {

constexpr std::string_view kBinary = "application/grpc-web";
constexpr std::string_view kText = "-text";

// From "+" up to the parameters; nullopt: the type does not end here.
std::optional<std::string_view> format(std::string_view rest) {
  const std::string_view found = rest.substr(0, rest.find_first_of("; \t"));
  if (!found.empty() && found.front() != '+') return std::nullopt;
  return found;
}

std::string_view join(std::initializer_list<std::string_view> parts, base::Arena& arena) {
  size_t size = 0;
  for (const std::string_view part : parts) size += part.size();
  char* const start = static_cast<char*>(arena.allocate(size, 1));
  char* out = start;
  for (const std::string_view part : parts) out = std::copy(part.begin(), part.end(), out);
  return {start, size};
}

}  // namespace

std::optional<GrpcWebType> parseGrpcWebType(std::string_view content_type) {
  if (!base::startsWithIgnoreCase(content_type, kBinary)) return std::nullopt;
  content_type.remove_prefix(kBinary.size());
  GrpcWebType type;
  type.text = base::startsWithIgnoreCase(content_type, kText);
  if (type.text) content_type.remove_prefix(kText.size());
  const auto found = format(content_type);
  if (!found) return std::nullopt;
  type.format = *found;
  return type;
}

std::string_view grpcFormat(std::string_view content_type) {
  return format(content_type.substr(http::kGrpcContentType.size())).value_or("");
}

std::string_view grpcType(std::string_view format, base::Arena& arena) {
  return join({http::kGrpcContentType, format}, arena);
}

std::string_view grpcWebType(const GrpcWebType& type, base::Arena& arena) {
  return join({kBinary, type.text ? kText : std::string_view(), type.format}, arena);
}

bool wantsText(const http::HeaderMap& request, const GrpcWebType& asked) {
  std::optional<GrpcWebType> accepted;
  request.forEach(http::HeaderId::kAccept, [&](const http::HeaderMap::Field& field) {
    for (std::string_view rest = field.value; !accepted && !rest.empty();) {
      const size_t comma = std::min(rest.find(','), rest.size());
      accepted = parseGrpcWebType(base::trimOws(rest.substr(0, comma)));
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
  });
  return accepted.value_or(asked).text;
}

}  // namespace weir::extensions::http_filters::grpc_web
