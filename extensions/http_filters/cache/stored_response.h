#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "extensions/http_filters/cache/freshness.h"
#include "extensions/http_filters/cache/shared_ref.h"
#include "extensions/http_filters/cache/stored_body.h"
#include "extensions/http_filters/cache/validators.h"
#include "source/http/message.h"

namespace weir::extensions::http_filters::cache {

// A response as the cache has it: its head, and the body, which other heads (after a validation)
// may have too. Immutable, but for the body that still comes.
class StoredResponse final : public buffer::SharedOwner {
 public:
  struct Field {
    http::HeaderId id;
    std::string_view name;
    std::string_view value;
  };
  // What it is made of. Value.
  struct Parts {
    uint16_t status = 200;
    Freshness freshness;
    SystemTime date;
    std::vector<std::string> vary = {};
    std::string variant = {};  // secondary key of the request that it answers
    std::vector<std::string> tags = {};
    uint64_t length = ~uint64_t{0};  // of the body, as announced; ~0: not known
  };

  // What cost() says has been reserved. `drop_cookies`: Set-Cookie is left out.
  StoredResponse(Parts parts, const http::HeaderMap& fields, bool drop_cookies,
                 SharedRef<StoredBody> body, std::shared_ptr<MemoryAccount> account);
  // As 304 updates it (RFC 9111 3.2): what `fields` has takes the place of what was.
  StoredResponse(Parts parts, const StoredResponse& old, const http::HeaderMap& fields,
                 std::shared_ptr<MemoryAccount> account);
  ~StoredResponse() override;

  static uint64_t cost(const Parts& parts, const http::HeaderMap& fields);
  static uint64_t cost(const Parts& parts, const StoredResponse& old,
                       const http::HeaderMap& fields);

  uint16_t status() const { return parts_.status; }
  const Freshness& freshness() const { return parts_.freshness; }
  SystemTime date() const { return parts_.date; }
  const Validators& validators() const { return validators_; }
  const std::vector<std::string>& vary() const { return parts_.vary; }
  const std::string& variant() const { return parts_.variant; }
  const std::vector<std::string>& tags() const { return parts_.tags; }
  std::span<const Field> fields() const { return fields_; }
  std::string_view field(http::HeaderId id) const;
  const SharedRef<StoredBody>& body() const { return body_; }
  // ~0: not known, and the body still comes.
  uint64_t length() const;
  // What it costs a store: head, and body as far as it is here.
  uint64_t bytes() const { return cost_ + (body_ ? body_->size() : 0); }

 private:
  void reserveText(size_t bytes, size_t fields);
  void addField(const http::HeaderMap::Field& field);
  void addField(http::HeaderId id, std::string_view name, std::string_view value);
  void readFields();

  Parts parts_;
  uint64_t cost_;
  std::string text_;  // of all fields
  std::vector<Field> fields_;
  Validators validators_;
  SharedRef<StoredBody> body_;
  const std::shared_ptr<MemoryAccount> account_;
};

// Fields that are of one exchange, not of the response: neither stored nor updated (RFC 9111 3.1,
// 3.2).
bool isOfExchange(const http::HeaderMap::Field& field);

}  // namespace weir::extensions::http_filters::cache
