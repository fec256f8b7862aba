#include "extensions/http_filters/common/config.h"

#include <utility>
#include <vector>

#include "api/weir/extensions/http_filters/common/v1/rate_limit.pb.h"
#include "api/weir/extensions/http_filters/common/v1/request_key.pb.h"
#include "source/base/ascii.h"
#include "source/base/concat.h"
#include "source/config/fields.h"
#include "source/http/semantics.h"

namespace weir::extensions::http_filters {
namespace {

using config::Cursor;
using Kind = RequestKeyPart::Kind;
using Message = common::v1::RequestKeyPart;

constexpr size_t kMaxNameBytes = 64;
constexpr size_t kMaxBodyBytes = 4096;
constexpr std::string_view kNameBytes =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.";

RequestKeyPart named(Kind kind, const std::string& name, std::string_view what, const Cursor& at) {
  if (config::require(name, at) && !http::isToken(name)) {
    at.error(base::concat("\"", name, "\" cannot be the name of a ", what),
             name.starts_with(':') ? "use path { }, method { } or host { }"
                                   : "names are made of letters, digits and !#$%&'*+-.^_`|~");
  }
  return {.kind = kind, .name = kind == Kind::kHeader ? base::lowered(name) : name};
}

RequestKeyPart address(Kind kind, const common::v1::KeyAddress& from, const Cursor& at) {
  RequestKeyPart part{.kind = kind};
  config::readPrefixLengths(from, at, part);
  return part;
}

RequestKeyPart metadata(const common::v1::KeyMetadata& from, const Cursor& at) {
  config::require(from.namespace_(), at.field("namespace"),
                  "write the name of the filter that sets it");
  config::require(from.key(), at.field("key"));
  return {.kind = Kind::kMetadata, .name = from.namespace_(), .field = from.key()};
}

RequestKeyPart compilePart(const Message& from, const Cursor& at) {
  switch (from.of_case()) {
    case Message::kClientAddress:
      return address(Kind::kClientAddress, from.client_address(), at.field("client_address"));
    case Message::kDirectAddress:
      return address(Kind::kDirectAddress, from.direct_address(), at.field("direct_address"));
    case Message::kHeader:
      return named(Kind::kHeader, from.header(), "header", at.field("header"));
    case Message::kCookie:
      return named(Kind::kCookie, from.cookie(), "cookie", at.field("cookie"));
    case Message::kQueryParameter:
      config::require(from.query_parameter(), at.field("query_parameter"));
      return {.kind = Kind::kQueryParameter, .name = from.query_parameter()};
    case Message::kPath:
      return {.kind = Kind::kPath,
              .segments = static_cast<uint32_t>(config::readNumber(
                  from.path().segments(), {0, 64}, at.field("path").field("segments")))};
    case Message::kMethod:
      return {.kind = Kind::kMethod};
    case Message::kHost:
      return {.kind = Kind::kHost};
    case Message::kRoute:
      return {.kind = Kind::kRoute};
    case Message::kVirtualHost:
      return {.kind = Kind::kVirtualHost};
    case Message::kMetadata:
      return metadata(from.metadata(), at.field("metadata"));
    case Message::kTlsIdentity:
      return {.kind = Kind::kTlsIdentity};
    case Message::kText:
      config::require(from.text(), at.field("text"));
      return {.kind = Kind::kText, .name = from.text()};
    case Message::OF_NOT_SET:
      break;
  }
  at.error("names nothing of a request", "write client_address { }, header: \"NAME\" or the like");
  return {};
}

}  // namespace

RequestKey compileRequestKey(const common::v1::RequestKey& from, const Cursor& at) {
  const auto most = static_cast<int>(RequestKey::kMaxParts);
  if (from.parts_size() > most) {
    at.at("parts", most).error(base::concat("there are more than ", most, " parts"));
    return {};
  }
  std::vector<RequestKeyPart> parts;
  for (int i = 0; i < from.parts_size(); ++i) {
    parts.push_back(compilePart(from.parts(i), at.at("parts", i)));
  }
  return RequestKey(std::move(parts), from.if_missing() != common::v1::IF_MISSING_NOT_LIMITED);
}

RateLimitAnswer compileRateLimitAnswer(const common::v1::RateLimitAnswer& from, const Cursor& at) {
  const uint64_t status = config::readNumberOr(from.status(), 429, {400, 599}, at.field("status"));
  if (from.body().size() > kMaxBodyBytes) {
    at.field("body").error(base::concat("has ", from.body().size(), " bytes"),
                           base::concat("it may have at most ", kMaxBodyBytes));
  }
  auto fields = RateLimitAnswer::Fields::kStandard;
  if (from.fields() == common::v1::RATE_LIMIT_FIELDS_X) fields = RateLimitAnswer::Fields::kX;
  if (from.fields() == common::v1::RATE_LIMIT_FIELDS_BOTH) fields = RateLimitAnswer::Fields::kBoth;
  if (from.fields() == common::v1::RATE_LIMIT_FIELDS_NONE) fields = RateLimitAnswer::Fields::kNone;
  return {static_cast<uint16_t>(status), from.body().empty() ? "too many requests\n" : from.body(),
          fields, from.fields_on_all()};
}

void checkLimitName(const std::string& name, const Cursor& at) {
  if (!config::require(name, at, "name the limit: it is what clients and statistics call it"))
    return;
  if (name.size() > kMaxNameBytes) {
    at.error(base::concat("has ", name.size(), " bytes"),
             base::concat("it may have at most ", kMaxNameBytes));
  }
  if (name.find_first_not_of(kNameBytes) == std::string::npos) return;
  at.error(base::concat("\"", name, "\" cannot be the name of a limit"),
           "names are made of letters, digits, \"_\", \"-\" and \".\"");
}

network::CidrSet compilePrefixes(const google::protobuf::RepeatedPtrField<std::string>& from,
                                 const Cursor& at, std::string_view field) {
  std::vector<network::Prefix> prefixes;
  for (int i = 0; i < from.size(); ++i) {
    auto prefix = network::Prefix::parse(from[i]);
    if (prefix.ok()) {
      prefixes.push_back(*prefix);
    } else {
      config::report(prefix.status(), at.at(field, i));
    }
  }
  return network::CidrSet(prefixes);
}

}  // namespace weir::extensions::http_filters
