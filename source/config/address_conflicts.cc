#include "source/config/address_conflicts.h"

#include "source/base/concat.h"

namespace weir::config {
namespace {

using network::Address;

bool isWildcard(const Address& address) {
  return address.ip() == "0.0.0.0" || address.ip() == "::";
}

bool overlap(const Address& a, const Address& b) {
  if (a.family() != b.family() || a.family() == Address::Family::kNone) return false;
  if (a.isIp() && a.port() == 0) return false;
  if (a == b) return true;
  return a.isIp() && a.port() == b.port() && (isWildcard(a) || isWildcard(b));
}

}  // namespace

void AddressConflicts::add(const Address& address, const std::string& user, const Cursor& at) {
  for (const Taken& other : taken_) {
    if (!overlap(address, other.address)) continue;
    if (address == other.address) {
      at.error(base::concat(address.toString(), " is taken by ", other.user),
               "give each an address of its own");
    } else {
      at.error(base::concat(address.toString(), " overlaps ", other.address.toString(), " of ",
                            other.user),
               "give each a port of its own");
    }
    break;
  }
  taken_.push_back({address, user});
}

}  // namespace weir::config
