#include "source/config/hash_keys.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "api/weir/config/v1/hash.pb.h"
#include "source/base/ascii.h"
#include "source/base/concat.h"
#include "source/config/fields.h"
#include "source/http/semantics.h"
#include "source/upstream/hash_policy.h"

namespace weir::config {
namespace {

using Kind = upstream::HashKey::Kind;

constexpr int kMaxKeys = 16;

void checkToken(const std::string& name, std::string_view kind, const Cursor& at) {
  if (!require(name, at) || http::isToken(name)) return;
  at.error(base::concat("\"", name, "\" cannot be the name of a ", kind),
           "names are made of letters, digits and !#$%&'*+-.^_`|~");
}

upstream::HashKey headerKey(const std::string& name, const Cursor& at) {
  if (name.starts_with(':')) {
    at.error(base::concat("\"", name, "\" is no header"), "use path { } or host { }");
  } else {
    checkToken(name, "header", at);
  }
  return {.kind = Kind::kHeader, .name = base::lowered(name)};
}

upstream::HashKey addressKey(const v1::HashKey::SourceAddress& from, const Cursor& at) {
  upstream::HashKey key;
  readPrefixLengths(from, at, key);
  return key;
}

upstream::HashKey compileKey(const v1::HashKey& from, const Cursor& at) {
  switch (from.by_case()) {
    case v1::HashKey::kSourceAddress:
      return addressKey(from.source_address(), at.field("source_address"));
    case v1::HashKey::kFiveTuple:
      return {.kind = Kind::kFiveTuple};
    case v1::HashKey::kHeader:
      return headerKey(from.header(), at.field("header"));
    case v1::HashKey::kCookie:
      checkToken(from.cookie(), "cookie", at.field("cookie"));
      return {.kind = Kind::kCookie, .name = from.cookie()};
    case v1::HashKey::kQueryParameter:
      require(from.query_parameter(), at.field("query_parameter"));
      return {.kind = Kind::kQueryParameter, .name = from.query_parameter()};
    case v1::HashKey::kPath:
      return {.kind = Kind::kPath};
    case v1::HashKey::kHost:
      return {.kind = Kind::kHost};
    case v1::HashKey::kTlsSession:
      return {.kind = Kind::kTlsSession};
    case v1::HashKey::kDynamicMetadata: {
      const v1::HashKey::DynamicMetadata& metadata = from.dynamic_metadata();
      const Cursor here = at.field("dynamic_metadata");
      require(metadata.namespace_(), here.field("namespace"),
              "write the name that the filter uses");
      require(metadata.key(), here.field("key"));
      return {
          .kind = Kind::kDynamicMetadata, .name = metadata.namespace_(), .field = metadata.key()};
    }
    case v1::HashKey::BY_NOT_SET:
      break;
  }
  at.error("names nothing to hash", "write source_address { }, header: \"NAME\" or the like");
  return {};
}

}  // namespace

std::vector<upstream::HashKey> readHashKeys(
    const google::protobuf::RepeatedPtrField<v1::HashKey>& from, std::string_view field, int most,
    const Cursor& at) {
  if (from.size() > most) {
    at.at(field, most).error(base::concat("there are more than ", most, " keys"), "leave some out");
  }
  std::vector<upstream::HashKey> keys;
  std::map<std::string, int> seen;
  for (int i = 0; i < from.size(); ++i) {
    const Cursor here = at.at(field, i);
    keys.push_back(compileKey(from[i], here));
    if (from[i].by_case() == v1::HashKey::BY_NOT_SET) continue;
    const auto [first, added] = seen.emplace(from[i].SerializeAsString(), i);
    if (!added) {
      here.error(base::concat("is never reached: ", field, "[", first->second, "] is the same"),
                 "remove one");
    }
  }
  return keys;
}

std::shared_ptr<const upstream::HashPolicy> compileHashKeys(
    const google::protobuf::RepeatedPtrField<v1::HashKey>& from, const Cursor& at) {
  if (from.empty()) return nullptr;
  return std::make_shared<const upstream::HashPolicy>(
      readHashKeys(from, "hash_keys", kMaxKeys, at));
}

}  // namespace weir::config
