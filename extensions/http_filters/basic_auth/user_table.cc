#include "extensions/http_filters/basic_auth/user_table.h"

#include <crypt.h>
#include <openssl/mem.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <memory>

#include "extensions/http_filters/common/access/file_reload.h"
#include "source/base/ascii.h"
#include "source/base/concat.h"

namespace weir::extensions::http_filters::basic_auth {
namespace {

constexpr unsigned kMaxBcryptCost = 14;
constexpr unsigned kMaxRounds = 1'000'000;

absl::Status bad(std::string_view message) {
  return absl::InvalidArgumentError(absl::string_view(message.data(), message.size()));
}

bool isName(std::string_view name) {
  return !name.empty() && name.size() <= UserTable::kMaxNameBytes &&
         std::none_of(name.begin(), name.end(), [](char c) {
           return c == ':' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
         });
}

// The number that `text` begins with; 0: none.
unsigned numberIn(std::string_view text) {
  unsigned number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// Whether checking it takes a bounded time.
bool isAffordable(std::string_view hash) {
  if (hash.starts_with("$2")) return numberIn(hash.substr(4)) <= kMaxBcryptCost;
  constexpr std::string_view kRounds = "rounds=";
  const std::string_view rest = hash.substr(3);
  return !rest.starts_with(kRounds) || numberIn(rest.substr(kRounds.size())) <= kMaxRounds;
}

}  // namespace

absl::Status UserTable::add(std::string_view name, std::string_view hash) {
  if (!isName(name)) {
    return bad("the name is not 1 to 256 bytes without colon and control characters");
  }
  const std::string text(hash);
  const bool known = hash.starts_with("$2b$") || hash.starts_with("$2y$") ||
                     hash.starts_with("$5$") || hash.starts_with("$6$");
  // As long as a whole hash, not only its salt.
  constexpr size_t kLeastBytes = 46;
  const int salt = crypt_checksalt(text.c_str());  // some versions call $5$ old
  if (!known || hash.size() < kLeastBytes || hash.find('\0') != hash.npos ||
      (salt != CRYPT_SALT_OK && salt != CRYPT_SALT_METHOD_LEGACY)) {
    return bad(
        "the hash is neither bcrypt nor sha-crypt; make it by \"htpasswd -B\" or "
        "\"mkpasswd -m sha512crypt\"");
  }
  if (!isAffordable(hash)) {
    return bad(
        "the hash takes too long to check; bcrypt has a cost to 14, sha-crypt 1000000 "
        "rounds");
  }
  if (!hashes_.try_emplace(std::string(name), text).second) {
    return bad("the user is there twice; remove one");
  }
  if (decoy_.empty()) decoy_ = text;
  return {};
}

absl::Status UserTable::addLines(const std::string& file, std::string_view text) {
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.front() == '#') continue;
    const size_t colon = line.find(':');
    if (colon == line.npos) return fileError(file, number, "has no hash; write \"name:hash\"");
    const absl::Status status = add(line.substr(0, colon), line.substr(colon + 1));
    if (!status.ok()) return fileError(file, number, base::view(status.message()));
  }
  return {};
}

const std::string* UserTable::hashOf(std::string_view name) const {
  const auto found = hashes_.find(name);
  return found == hashes_.end() ? nullptr : &found->second;
}

bool checkPassword(const std::string& password, const std::string& hash) {
  if (password.find('\0') != std::string::npos) return false;
  const auto data = std::make_unique<crypt_data>();
  std::memset(data.get(), 0, sizeof *data);
  const char* const made = crypt_r(password.c_str(), hash.c_str(), data.get());
  const bool same = made != nullptr && std::strlen(made) == hash.size() &&
                    CRYPTO_memcmp(made, hash.data(), hash.size()) == 0;
  OPENSSL_cleanse(data.get(), sizeof *data);
  return same;
}

}  // namespace weir::extensions::http_filters::basic_auth
