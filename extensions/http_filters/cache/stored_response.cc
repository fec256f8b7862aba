#include "extensions/http_filters/cache/stored_response.h"

#include <algorithm>
#include <utility>

#include "source/base/ascii.h"

namespace weir::extensions::http_filters::cache {
namespace {

using http::HeaderId;
using http::HeaderMap;

// What each field, entry and its parts cost beside their texts.
constexpr uint64_t kPerField = sizeof(StoredResponse::Field);
constexpr uint64_t kPerText = sizeof(std::string);

uint64_t costOfParts(const StoredResponse::Parts& parts) {
  uint64_t cost = sizeof(StoredResponse) + parts.variant.size();
  for (const std::string& name : parts.vary) cost += kPerText + name.size();
  for (const std::string& tag : parts.tags) cost += kPerText + tag.size();
  return cost;
}

bool replaces(const HeaderMap& fields, const StoredResponse::Field& old) {
  return old.id != HeaderId::kOther ? fields.has(old.id) : fields.has(old.name);
}

// A 304 may not say how the stored body is coded or how long it is: it describes itself.
bool describesBody(HeaderId id, std::string_view name) {
  return id == HeaderId::kContentEncoding || id == HeaderId::kContentType ||
         base::equalsIgnoreCase(name, "content-range");
}

}  // namespace

bool isOfExchange(const HeaderMap::Field& field) {
  switch (field.id) {
    case HeaderId::kConnection:
    case HeaderId::kContentLength:
    case HeaderId::kKeepAlive:
    case HeaderId::kProxyConnection:
    case HeaderId::kTe:
    case HeaderId::kTrailer:
    case HeaderId::kTransferEncoding:
    case HeaderId::kUpgrade:
    case HeaderId::kXRequestId:
      return true;
    default:
      return base::equalsIgnoreCase(field.name, "age") ||
             base::equalsIgnoreCase(field.name, "proxy-authenticate") ||
             base::equalsIgnoreCase(field.name, "proxy-authentication-info") ||
             base::equalsIgnoreCase(field.name, "proxy-authorization") ||
             base::equalsIgnoreCase(field.name, "cache-status");
  }
}

StoredResponse::StoredResponse(Parts parts, const HeaderMap& fields, bool drop_cookies,
                               SharedRef<StoredBody> body, std::shared_ptr<MemoryAccount> account)
    : parts_(std::move(parts)),
      cost_(cost(parts_, fields)),
      body_(std::move(body)),
      account_(std::move(account)) {
  reserveText(fields.byteSize(), fields.size());
  fields.forEach([&](const HeaderMap::Field& field) {
    if (drop_cookies && field.id == HeaderId::kSetCookie) return;
    addField(field);
  });
  readFields();
}

StoredResponse::StoredResponse(Parts parts, const StoredResponse& old, const HeaderMap& fields,
                               std::shared_ptr<MemoryAccount> account)
    : parts_(std::move(parts)),
      cost_(cost(parts_, old, fields)),
      body_(old.body_),
      account_(std::move(account)) {
  reserveText(fields.byteSize() + old.text_.size(), fields.size() + old.fields_.size());
  for (const Field& field : old.fields_) {
    if (describesBody(field.id, field.name) || !replaces(fields, field)) {
      addField(field.id, field.name, field.value);
    }
  }
  fields.forEach([&](const HeaderMap::Field& field) {
    if (!describesBody(field.id, field.name)) addField(field);
  });
  readFields();
}

StoredResponse::~StoredResponse() {
  account_->giveBack(cost_);
}

uint64_t StoredResponse::cost(const Parts& parts, const HeaderMap& fields) {
  return costOfParts(parts) + fields.byteSize() + fields.size() * kPerField;
}

uint64_t StoredResponse::cost(const Parts& parts, const StoredResponse& old,
                              const HeaderMap& fields) {
  return cost(parts, fields) + old.text_.size() + old.fields_.size() * kPerField;
}

// So that views into the text stay.
void StoredResponse::reserveText(size_t bytes, size_t fields) {
  text_.reserve(bytes);
  fields_.reserve(fields);
}

void StoredResponse::addField(const HeaderMap::Field& field) {
  if (!isOfExchange(field)) addField(field.id, field.name, field.value);
}

void StoredResponse::addField(HeaderId id, std::string_view name, std::string_view value) {
  const size_t at = text_.size();
  text_.append(name).append(value);
  const std::string_view text = text_;
  fields_.push_back({id, text.substr(at, name.size()), text.substr(at + name.size())});
}

void StoredResponse::readFields() {
  base::Arena arena;
  HeaderMap map(arena);
  for (const Field& field : fields_) {
    const bool validator = field.id == HeaderId::kETag || field.id == HeaderId::kLastModified;
    if (validator) map.addView(field.id, field.name, field.value);
  }
  validators_ = readValidators(map, parts_.freshness.response_time);
}

std::string_view StoredResponse::field(HeaderId id) const {
  for (const Field& field : fields_) {
    if (field.id == id) return field.value;
  }
  return {};
}

uint64_t StoredResponse::length() const {
  if (!body_) return 0;
  return body_->complete() ? body_->size() : parts_.length;
}

}  // namespace weir::extensions::http_filters::cache
