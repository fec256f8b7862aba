#pragma once

#include <cstdint>
#include <memory>

#include "source/base/arena.h"
#include "source/base/local_ref.h"

namespace weir::http {

class FilterChain;
class Route;
class Terminal;

// Makes the filters and the terminals of streams: the connection manager of a worker.
// Worker-confined; kept alive by those who refer to it.
class FilterSource : public base::LocalCounted {
 public:
  // The filters that are configured behind `position`, for a chain that has none yet.
  virtual void addFiltersBehind(uint32_t position, FilterChain& chain, base::Arena& arena) = 0;
  // Lives in `arena`; nobody runs its destructor.
  virtual Terminal& createTerminal(FilterChain& chain, base::Arena& arena) = 0;
};

// Where a stream goes on behind one of its filters: what an exchange needs that is to go the same
// way without a client. Value; worker-confined.
struct ChainOrigin {
  base::LocalRef<FilterSource> source;  // null: such exchanges are not possible
  uint32_t position = 0;                // of the filter
  const Route* route = nullptr;         // null: not known yet, or none
  std::shared_ptr<const void> route_owner;
};

}  // namespace weir::http
