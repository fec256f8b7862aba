#include "extensions/http_filters/api_key/key_table.h"

#include <openssl/mem.h>
#include <openssl/sha.h>

#include <algorithm>

#include "extensions/http_filters/common/access/file_reload.h"
#include "source/base/ascii.h"
#include "source/base/concat.h"

namespace weir::extensions::http_filters::api_key {
namespace {

absl::Status bad(std::string_view message) {
  return absl::InvalidArgumentError(absl::string_view(message.data(), message.size()));
}

int digitOf(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = base::toLower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool isName(std::string_view name) {
  return !name.empty() && name.size() <= KeyTable::kMaxNameBytes &&
         std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c <= '~'; });
}

}  // namespace

KeyHash hashOf(std::string_view key) {
  KeyHash hash;
  SHA256(reinterpret_cast<const uint8_t*>(key.data()), key.size(), hash.data());
  return hash;
}

absl::Status KeyTable::add(std::string_view client, std::string_view key) {
  if (key.size() < kLeastKeyBytes || key.size() > kMaxKeyBytes) {
    return bad("the key is too short or too long; keys have 16 to 4096 bytes");
  }
  return addHash(client, hashOf(key));
}

absl::Status KeyTable::addHashed(std::string_view client, std::string_view hash) {
  KeyHash bytes;
  if (hash.size() != 2 * bytes.size()) return bad("is no SHA-256; write 64 hexadecimal digits");
  for (size_t i = 0; i < bytes.size(); ++i) {
    const int high = digitOf(hash[2 * i]);
    const int low = digitOf(hash[2 * i + 1]);
    if (high < 0 || low < 0) return bad("is no SHA-256; write 64 hexadecimal digits");
    bytes[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return addHash(client, bytes);
}

absl::Status KeyTable::addHash(std::string_view client, const KeyHash& hash) {
  if (!isName(client)) {
    return bad("the client's name is not 1 to 256 bytes of printable ASCII without spaces");
  }
  const auto [place, added] = clients_.try_emplace(hash, client);
  if (!added && place->second != client) {
    return bad(base::concat("the key is also that of client \"", place->second,
                            "\"; give each client keys of its own"));
  }
  return {};
}

absl::Status KeyTable::addLines(const std::string& name, std::string_view text) {
  constexpr std::string_view kHashed = "sha256:";
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    line = base::trimOws(line);
    if (line.empty() || line.front() == '#') continue;
    const size_t space = line.find_first_of(" \t");
    if (space == line.npos) {
      return fileError(name, number, "has no key; write \"client key\"");
    }
    const std::string_view client = line.substr(0, space);
    const std::string_view key = base::trimOws(line.substr(space));
    const absl::Status status =
        key.starts_with(kHashed) ? addHashed(client, key.substr(kHashed.size())) : add(client, key);
    if (!status.ok()) return fileError(name, number, base::view(status.message()));
  }
  return {};
}

const std::string* KeyTable::find(std::string_view key) const {
  if (key.empty() || key.size() > kMaxKeyBytes) return nullptr;
  const KeyHash hash = hashOf(key);
  const auto found = clients_.find(hash);
  if (found == clients_.end()) return nullptr;
  const bool same = CRYPTO_memcmp(found->first.data(), hash.data(), hash.size()) == 0;
  return same ? &found->second : nullptr;
}

bool KeyTable::knows(std::string_view client) const {
  return std::any_of(clients_.begin(), clients_.end(),
                     [client](const auto& entry) { return entry.second == client; });
}

}  // namespace weir::extensions::http_filters::api_key
