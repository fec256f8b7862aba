#include "extensions/http_filters/jwt_auth/token_cache.h"

#include <utility>

namespace weir::extensions::http_filters::jwt_auth {

std::shared_ptr<const Token> TokenCache::find(uint32_t provider, uint64_t keys_version,
                                              std::string_view text) {
  if (entries_.empty()) return nullptr;
  const auto found = index_.find(hashOf(provider, text));
  if (found == index_.end()) return nullptr;
  Entry& entry = entries_[found->second];
  if (entry.provider != provider || entry.keys_version != keys_version || entry.text != text) {
    return nullptr;
  }
  entry.used = true;
  return entry.token;
}

void TokenCache::insert(uint32_t provider, uint64_t keys_version, std::string_view text,
                        std::shared_ptr<const Token> token) {
  if (capacity_ == 0 || text.size() > kMaxTokenBytes) return;
  const uint64_t hash = hashOf(provider, text);
  size_t place = entries_.size();
  if (const auto found = index_.find(hash); found != index_.end()) {
    place = found->second;
  } else if (place == capacity_) {
    while (std::exchange(entries_[hand_].used, false)) hand_ = (hand_ + 1) % capacity_;
    place = hand_;
    hand_ = (hand_ + 1) % capacity_;
    index_.erase(entries_[place].hash);
  } else {
    entries_.emplace_back();
  }
  index_[hash] = static_cast<uint32_t>(place);
  entries_[place] = {.hash = hash,
                     .keys_version = keys_version,
                     .provider = provider,
                     .used = false,
                     .text = std::string(text),
                     .token = std::move(token)};
}

}  // namespace weir::extensions::http_filters::jwt_auth
