#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

#include "source/base/string_map.h"

namespace weir::extensions::http_filters::basic_auth {

// Users and the hashes of their passwords. Immutable once it is filled.
class UserTable {
 public:
  static constexpr size_t kMaxNameBytes = 256;

  // Refuses hashes of other kinds than bcrypt and sha-crypt, and those that cost too much. Errors
  // hold nothing of a hash.
  absl::Status add(std::string_view name, std::string_view hash);
  // Lines "name:hash". The error is "file:line: …".
  absl::Status addLines(const std::string& file, std::string_view text);

  // Null: there is no such user.
  const std::string* hashOf(std::string_view name) const;
  // A hash that costs as much as that of a user, to be checked for users that are not there.
  const std::string& decoy() const { return decoy_; }
  bool empty() const { return hashes_.empty(); }

 private:
  base::StringMap<std::string> hashes_;
  std::string decoy_;
};

// Whether `hash` is that of `password`, by crypt(3). Takes long, on purpose; compares in constant
// time. False for a password with a NUL. Thread-safe.
bool checkPassword(const std::string& password, const std::string& hash);

}  // namespace weir::extensions::http_filters::basic_auth
