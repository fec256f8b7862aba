#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "extensions/http_filters/common/codecs/codec.h"
#include "source/base/fd.h"

namespace weir::extensions::http_filters::static_files {

// A file below a root, opened by nothing that leads out of it: openat2(2) with RESOLVE_BENEATH, and
// on kernels without it name by name, without symbolic links. Only regular files and folders.
// `error`: of errno when it is not valid. Blocks.
struct Opened {
  base::UniqueFd fd;
  bool folder = false;
  int error = 0;
  uint64_t size = 0;
  uint64_t inode = 0;
  int64_t modified_ns = 0;  // since 1970

  bool valid() const { return fd.valid(); }
};
Opened openBelow(const std::string& root, const std::string& path);
// The same on kernels without openat2(2).
Opened openByName(const std::string& root, const std::string& path);

// What to look for. Value.
struct Wanted {
  std::string root;
  std::string path;  // from the root; "" or with "/" at its end: a folder
  std::vector<std::string> index;
  std::string fallback;                         // empty: none
  std::vector<common::codecs::Coding> codings;  // that the client takes, the best first
  size_t first_bytes = 0;                       // to read at once
};

// What was found.
struct Found {
  enum class Kind : uint8_t { kNothing, kFolder, kFile, kFailed };
  Kind kind = Kind::kNothing;
  Opened file;
  std::string path;  // decides the type: without the suffix of a coding
  std::optional<common::codecs::Coding> coding;
  std::string first;  // bytes from its beginning
};
// kFolder: one without "/" at its end. Blocks.
Found find(const Wanted& wanted);

// Up to `bytes` from `offset`; less at the file's end or on an error. Blocks.
std::string readPart(int fd, uint64_t offset, size_t bytes);

}  // namespace weir::extensions::http_filters::static_files
