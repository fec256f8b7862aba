#include "extensions/http_filters/static_files/files.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <utility>

#include "source/base/concat.h"

namespace weir::extensions::http_filters::static_files {
namespace {

using common::codecs::Coding;

// A pipe must not block.
constexpr int kFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

Opened failed(int error) {
  Opened opened;
  opened.error = error;
  return opened;
}

base::UniqueFd openRoot(const std::string& root) {
  return base::UniqueFd(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
}

// "" is the root itself.
const char* nameOf(const std::string& path) {
  return path.empty() ? "." : path.c_str();
}

Opened examine(base::UniqueFd fd) {
  if (!fd.valid()) return failed(errno);
  struct stat facts {};
  if (::fstat(fd.get(), &facts) != 0) return failed(errno);
  Opened opened;
  opened.folder = S_ISDIR(facts.st_mode);
  if (!opened.folder && !S_ISREG(facts.st_mode)) return failed(EACCES);
  opened.fd = std::move(fd);
  opened.size = static_cast<uint64_t>(facts.st_size);
  opened.inode = facts.st_ino;
  opened.modified_ns = int64_t{facts.st_mtim.tv_sec} * 1'000'000'000 + facts.st_mtim.tv_nsec;
  return opened;
}

std::string_view suffixOf(Coding coding) {
  switch (coding) {
    case Coding::kBrotli:
      return ".br";
    case Coding::kZstd:
      return ".zst";
    case Coding::kGzip:
    case Coding::kDeflate:
      break;
  }
  return ".gz";
}

Found::Kind kindOf(int error) {
  const bool absent = error == ENOENT || error == ENOTDIR || error == EACCES || error == ELOOP ||
                      error == EXDEV || error == ENAMETOOLONG || error == EPERM || error == ENXIO ||
                      error == EINVAL;
  return absent ? Found::Kind::kNothing : Found::Kind::kFailed;
}

// The file itself, or the one beside it that the client likes best.
Found choose(const Wanted& wanted, std::string path, Opened file) {
  Found found;
  found.kind = Found::Kind::kFile;
  for (const Coding coding : wanted.codings) {
    Opened other = openBelow(wanted.root, base::concat(path, suffixOf(coding)));
    if (!other.valid() || other.folder || other.modified_ns < file.modified_ns) continue;
    file = std::move(other);
    found.coding = coding;
    break;
  }
  found.path = std::move(path);
  found.file = std::move(file);
  return found;
}

Found look(const Wanted& wanted) {
  const bool folder = wanted.path.empty() || wanted.path.ends_with('/');
  if (!folder) {
    Opened file = openBelow(wanted.root, wanted.path);
    Found found;
    found.kind = file.valid() ? Found::Kind::kFolder : kindOf(file.error);
    if (!file.valid() || file.folder) return found;
    return choose(wanted, wanted.path, std::move(file));
  }
  Found found;
  for (const std::string& name : wanted.index) {
    std::string path = base::concat(wanted.path, name);
    Opened file = openBelow(wanted.root, path);
    if (file.valid() && !file.folder) return choose(wanted, std::move(path), std::move(file));
    if (!file.valid() && kindOf(file.error) == Found::Kind::kFailed) {
      found.kind = Found::Kind::kFailed;
    }
  }
  return found;
}

}  // namespace

Opened openByName(const std::string& root, const std::string& path) {
  base::UniqueFd at = openRoot(root);
  std::string_view left = path;
  while (at.valid()) {
    const size_t slash = left.find('/');
    const std::string name(left.substr(0, slash));
    if (name == "..") return failed(EXDEV);
    const bool last = slash == std::string_view::npos || slash + 1 == left.size();
    const int flags = (last ? kFlags : O_PATH | O_DIRECTORY | O_CLOEXEC) | O_NOFOLLOW;
    base::UniqueFd next(::openat(at.get(), nameOf(name), flags));
    if (last) return examine(std::move(next));
    at = std::move(next);
    left.remove_prefix(slash + 1);
  }
  return failed(errno);
}

Opened openBelow(const std::string& root, const std::string& path) {
  const base::UniqueFd at = openRoot(root);
  if (!at.valid()) return failed(errno);
  open_how how{};
  how.flags = kFlags;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  base::UniqueFd fd(
      static_cast<int>(::syscall(SYS_openat2, at.get(), nameOf(path), &how, sizeof how)));
  // EPERM: some sandboxes say it of calls that they do not know. EAGAIN: somebody renames here.
  const bool unknown = !fd.valid() && (errno == ENOSYS || errno == EPERM || errno == EAGAIN);
  return unknown ? openByName(root, path) : examine(std::move(fd));
}

Found find(const Wanted& wanted) {
  Found found = look(wanted);
  if (found.kind == Found::Kind::kNothing && !wanted.fallback.empty()) {
    Opened file = openBelow(wanted.root, wanted.fallback);
    if (file.valid() && !file.folder) found = choose(wanted, wanted.fallback, std::move(file));
  }
  if (found.kind == Found::Kind::kFile && wanted.first_bytes > 0) {
    found.first = readPart(found.file.fd.get(), 0, wanted.first_bytes);
  }
  return found;
}

std::string readPart(int fd, uint64_t offset, size_t bytes) {
  std::string part(bytes, '\0');
  size_t there = 0;
  while (there < bytes) {
    const ssize_t count =
        ::pread(fd, part.data() + there, bytes - there, static_cast<off_t>(offset + there));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    there += static_cast<size_t>(count);
  }
  part.resize(there);
  return part;
}

}  // namespace weir::extensions::http_filters::static_files
