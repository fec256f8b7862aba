#include "extensions/transport_sockets/common/secret_bytes.h"

#include <fcntl.h>
#include <openssl/mem.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/status/status.h"

#include "source/base/concat.h"
#include "source/base/fd.h"

namespace weir::extensions::transport_sockets {
namespace {

absl::Status unreadable(const std::string& path, std::string_view why, std::string_view right) {
  return absl::FailedPreconditionError(base::concat(path, ": ", why, "; ", right));
}

absl::Status systemError(const std::string& path, int error) {
  std::string_view right = "make it readable for the user that Weir runs as";
  if (error == ENOENT || error == ENOTDIR) right = "give the path of a file that exists";
  return unreadable(path, base::concat("cannot be read: ", std::strerror(error)), right);
}

absl::Status tooLarge(const std::string& path, size_t limit) {
  return unreadable(path, base::concat("is larger than ", limit, " bytes"),
                    "give the file with what is needed only");
}

// What is there of the file, up to what `bytes` holds; -1 on error.
ssize_t readFully(int fd, SecretBytes& bytes) {
  size_t count = 0;
  while (count < bytes.size()) {
    const ssize_t got = ::read(fd, bytes.data() + count, bytes.size() - count);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -1;
    if (got == 0) break;
    count += static_cast<size_t>(got);
  }
  return static_cast<ssize_t>(count);
}

}  // namespace

SecretBytes::SecretBytes(size_t size)
    : data_(std::make_unique<uint8_t[]>(size)), size_(size), capacity_(size) {}

SecretBytes::SecretBytes(SecretBytes&& other) noexcept
    : data_(std::move(other.data_)),
      size_(std::exchange(other.size_, 0)),
      capacity_(std::exchange(other.capacity_, 0)) {}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
  if (this == &other) return *this;
  wipe();
  data_ = std::move(other.data_);
  size_ = std::exchange(other.size_, 0);
  capacity_ = std::exchange(other.capacity_, 0);
  return *this;
}

void SecretBytes::truncate(size_t size) {
  if (size < size_) size_ = size;
}

void SecretBytes::wipe() {
  if (data_ != nullptr) OPENSSL_cleanse(data_.get(), capacity_);
}

absl::StatusOr<SecretBytes> readFile(const std::string& path, size_t limit) {
  // Without O_NONBLOCK, opening a named pipe would wait for its writer.
  const base::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd.valid()) return systemError(path, errno);
  struct stat facts;
  if (::fstat(fd.get(), &facts) != 0) return systemError(path, errno);
  if (!S_ISREG(facts.st_mode)) {
    return unreadable(path, S_ISDIR(facts.st_mode) ? "is a folder" : "is not a regular file",
                      "give the path of a file");
  }
  const auto size = static_cast<uint64_t>(facts.st_size);
  if (size > limit) return tooLarge(path, limit);
  // One byte more tells whether it grew since.
  SecretBytes bytes(size + 1);
  const ssize_t count = readFully(fd.get(), bytes);
  if (count < 0) return systemError(path, errno);
  if (static_cast<uint64_t>(count) > size) {
    return unreadable(path, "changed while it was read", "write it aside and rename it");
  }
  if (count == 0) return unreadable(path, "is empty", "give a file with content");
  bytes.truncate(static_cast<size_t>(count));
  return bytes;
}

}  // namespace weir::extensions::transport_sockets
