#include "source/upstream/hosts_by_uid.h"

#include <bit>

#include "source/base/hash.h"
#include "source/upstream/endpoint.h"

namespace weir::upstream {

HostsByUid::HostsByUid(const HostSet& hosts)
    : slots_(std::bit_ceil(2 * hosts.hosts.size() + 2)), mask_(slots_.size() - 1) {
  for (uint32_t i = 0; i < hosts.hosts.size(); ++i) {
    const uint64_t uid = hosts.hosts[i].uid;
    if (uid == 0) continue;
    size_t at = base::mix64(uid) & mask_;
    while (slots_[at].uid != 0) at = (at + 1) & mask_;
    slots_[at] = {uid, i};
  }
}

std::optional<uint32_t> HostsByUid::find(uint64_t uid) const {
  if (uid == 0) return std::nullopt;
  for (size_t at = base::mix64(uid) & mask_; slots_[at].uid != 0; at = (at + 1) & mask_) {
    if (slots_[at].uid == uid) return slots_[at].host;
  }
  return std::nullopt;
}

}  // namespace weir::upstream
