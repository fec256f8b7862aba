#pragma once

#include <memory>

#include "source/base/service_map.h"
#include "source/http/message.h"
#include "source/http/stream_info.h"

namespace weir::http {

// One worker's end of an access logger. Worker-confined; log() neither blocks nor allocates in the
// steady state.
class AccessLogger {
 public:
  virtual ~AccessLogger() = default;
  // Once per exchange, at its end. `response` has status 0 when none was sent.
  virtual void log(const RequestHead& request, const ResponseHead& response,
                   const HeaderMap& response_trailers, const StreamInfo& info) = 0;
};

// What an access logger extension makes of its configuration. Immutable.
class AccessLoggerFactory {
 public:
  virtual ~AccessLoggerFactory() = default;
  virtual std::unique_ptr<AccessLogger> bind(base::ServiceMap& services) const = 0;
};

}  // namespace weir::http
