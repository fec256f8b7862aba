#include "source/network/network_filter.h"

namespace weir::network {

Verdict NetworkFilter::onWrite(buffer::Buffer&, bool) {
  return Verdict::kContinue;
}

}  // namespace weir::network
