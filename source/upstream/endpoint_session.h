#pragma once

#include <string_view>

#include "source/base/intrusive_list.h"

namespace weir::upstream {

// An L4 connection or a flow of datagrams that runs through an endpoint, as that knows it: from
// WorkerEndpoint::join() until it is unlinked or destroyed. Worker-confined.
class EndpointSession : public base::ListNode<EndpointSession> {
 public:
  // The endpoint has to be left now: gives up its connection or socket there. It is on the
  // endpoint's list no more. `reason`: static text, "endpoint_drained".
  virtual void onBrokenOff(std::string_view reason) = 0;

 protected:
  ~EndpointSession() = default;
};

}  // namespace weir::upstream
