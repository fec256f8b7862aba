#include "source/base/fd.h"

#include <unistd.h>

namespace weir::base {

void UniqueFd::reset(int fd) {
  // Not again after EINTR: Linux has given the number away by then.
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

}  // namespace weir::base
