#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace weir::extensions::transport_sockets {

// Bytes that may be a private key: wiped when they are destroyed or moved away, never copied.
// Immutable once filled.
class SecretBytes {
 public:
  SecretBytes() = default;
  explicit SecretBytes(size_t size);
  SecretBytes(SecretBytes&& other) noexcept;
  SecretBytes& operator=(SecretBytes&& other) noexcept;
  ~SecretBytes() { wipe(); }

  uint8_t* data() { return data_.get(); }
  const uint8_t* data() const { return data_.get(); }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::span<const uint8_t> span() const { return {data_.get(), size_}; }
  std::string_view view() const { return {reinterpret_cast<const char*>(data_.get()), size_}; }
  // Forgets what lies behind `size`.
  void truncate(size_t size);

 private:
  void wipe();
  std::unique_ptr<uint8_t[]> data_;
  size_t size_ = 0;
  size_t capacity_ = 0;  // what there is to wipe
};

// The largest files that are read: certificates and keys; bundles of certificate authorities;
// revocation lists.
inline constexpr size_t kMaxPairFileBytes = size_t{1} << 20;
inline constexpr size_t kMaxBundleFileBytes = size_t{16} << 20;
inline constexpr size_t kMaxCrlFileBytes = size_t{64} << 20;

// A whole regular file of at most `limit` bytes. The error names the path and the reason. Blocks
// for the disk: main thread, at start and when a file has changed.
absl::StatusOr<SecretBytes> readFile(const std::string& path, size_t limit);

}  // namespace weir::extensions::transport_sockets
