#include "extensions/http_filters/basic_auth/remembered.h"

#include <openssl/evp.h>
#include <openssl/mem.h>
#include <openssl/rand.h>

namespace weir::extensions::http_filters::basic_auth {

Remembered::Remembered(std::chrono::milliseconds lifetime) : lifetime_(lifetime) {
  Digest key{};
  RAND_bytes(key.data(), key.size());
  HMAC_Init_ex(hmac_.get(), key.data(), key.size(), EVP_sha256(), nullptr);
  OPENSSL_cleanse(key.data(), key.size());
}

Remembered::Digest Remembered::digest(std::string_view user, std::string_view password,
                                      std::string_view hash) {
  Digest digest{};
  HMAC_Init_ex(hmac_.get(), nullptr, 0, nullptr, nullptr);  // anew, with the same key
  for (const std::string_view part : {user, password, hash}) {
    // Lengths first, so that no two triples are the same bytes.
    const uint64_t size = part.size();
    HMAC_Update(hmac_.get(), reinterpret_cast<const uint8_t*>(&size), sizeof size);
    HMAC_Update(hmac_.get(), reinterpret_cast<const uint8_t*>(part.data()), part.size());
  }
  unsigned written = 0;
  HMAC_Final(hmac_.get(), digest.data(), &written);
  return digest;
}

bool Remembered::has(const Digest& digest, event::MonotonicTime now) const {
  const auto found = until_.find(digest);
  return found != until_.end() && now < found->second;
}

void Remembered::add(const Digest& digest, event::MonotonicTime now) {
  if (lifetime_.count() == 0) return;
  const auto [place, added] = until_.insert_or_assign(digest, now + lifetime_);
  if (!added) return;
  if (order_.size() < kMaxEntries) {
    order_.push_back(digest);
    return;
  }
  until_.erase(order_[oldest_]);
  order_[oldest_] = digest;
  oldest_ = (oldest_ + 1) % kMaxEntries;
}

}  // namespace weir::extensions::http_filters::basic_auth
