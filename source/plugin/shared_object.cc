#include "source/plugin/shared_object.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "source/base/concat.h"
#include "source/plugin/elf.h"

namespace weir::plugin {
namespace {

constexpr const char* kEntry = "weir_plugin_entry";

absl::Status wrong(std::string_view what, std::string_view right) {
  return absl::InvalidArgumentError(base::concat(what, right.empty() ? "" : "; ", right));
}

std::string hexOf(const std::array<uint8_t, SHA256_DIGEST_LENGTH>& digest) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  std::string text;
  for (const uint8_t byte : digest) {
    text += kHex[byte >> 4];
    text += kHex[byte & 15];
  }
  return text;
}

// The linker names the file by the descriptor through which it was opened.
std::string withoutDescriptor(std::string_view text, std::string_view descriptor) {
  if (text.starts_with(descriptor)) {
    text.remove_prefix(descriptor.size());
    if (text.starts_with(": ")) text.remove_prefix(2);
  }
  return std::string(text);
}

absl::Status cannotLoad(std::string_view error) {
  if (error.find("undefined symbol") != std::string_view::npos) {
    return wrong(base::concat("cannot be loaded: ", error),
                 "link it with all libraries that it needs, and use nothing of Weir but the table "
                 "that it is given");
  }
  if (error.find("cannot open shared object file") != std::string_view::npos) {
    return wrong(base::concat("cannot be loaded: ", error),
                 "install the library that is missing, or link it statically");
  }
  return wrong(base::concat("cannot be loaded: ", error), {});
}

}  // namespace

absl::StatusOr<SharedObject> SharedObject::open(const std::string& path) {
  // Not blocking: a pipe that has no writer is refused, not waited for.
  base::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) {
    return wrong(base::concat("cannot be opened: ", std::strerror(errno)),
                 errno == ENOENT ? "relative paths start at the folder of the configuration" : "");
  }
  SharedObject object(path, std::move(fd));
  const absl::Status facts = object.readFacts();
  if (!facts.ok()) return facts;
  return object;
}

absl::Status SharedObject::readFacts() {
  struct stat facts {};
  if (::fstat(fd_.get(), &facts) != 0) {
    return wrong(base::concat("cannot be looked at: ", std::strerror(errno)), {});
  }
  if (!S_ISREG(facts.st_mode)) {
    return wrong(S_ISDIR(facts.st_mode) ? "is a folder" : "is no regular file", "name a .so file");
  }
  const auto bytes = static_cast<size_t>(facts.st_size);
  if (bytes > kMaxBytes) {
    return wrong(base::concat("is larger than ", kMaxBytes >> 20, " MiB"), "strip it");
  }
  std::array<char, kElfHeadBytes> head;
  const ssize_t got = ::pread(fd_.get(), head.data(), head.size(), 0);
  if (got < 0) return wrong(base::concat("cannot be read: ", std::strerror(errno)), {});
  const absl::Status elf = checkElf({head.data(), static_cast<size_t>(got)}, bytes);
  return elf.ok() ? hash(bytes) : elf;
}

absl::Status SharedObject::hash(size_t bytes) {
  SHA256_CTX context;
  SHA256_Init(&context);
  std::vector<char> piece(256 * 1024);
  for (size_t at = 0; at < bytes;) {
    const ssize_t got = ::pread(fd_.get(), piece.data(), piece.size(), static_cast<off_t>(at));
    if (got <= 0) {
      return wrong(base::concat("cannot be read: ",
                                got < 0 ? std::strerror(errno) : "it became shorter meanwhile"),
                   {});
    }
    SHA256_Update(&context, piece.data(), static_cast<size_t>(got));
    at += static_cast<size_t>(got);
  }
  std::array<uint8_t, SHA256_DIGEST_LENGTH> digest;
  SHA256_Final(digest.data(), &context);
  sha256_ = hexOf(digest);
  return absl::OkStatus();
}

absl::StatusOr<weir_plugin_entry_function> SharedObject::load() {
  // By the descriptor, so that it is the file whose bytes were looked at, whatever the path leads
  // to now.
  const std::string descriptor = base::concat("/proc/self/fd/", fd_.get());
  void* const library = ::dlopen(descriptor.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (library == nullptr) return cannotLoad(withoutDescriptor(::dlerror(), descriptor));
  // Left open: the linker knows the library by this name, and would take the next file with the
  // same number for it.
  fd_.release();
  void* const entry = ::dlsym(library, kEntry);
  if (entry == nullptr) {
    return wrong(base::concat("has no function ", kEntry, "()"),
                 "define it with WEIR_PLUGIN_EXPORT, in C++ as extern \"C\" or with WEIR_PLUGIN");
  }
  return reinterpret_cast<weir_plugin_entry_function>(entry);
}

}  // namespace weir::plugin
