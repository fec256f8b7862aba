#pragma once

#include "source/http/filter.h"
#include "source/http/stream_error.h"

namespace weir::router {

// What a failure is for a client of gRPC.
http::GrpcStatus grpcStatusFor(const http::StreamError& error);
// What a client reads when Weir itself answers for a failure.
http::LocalReply replyFor(const http::StreamError& error);

}  // namespace weir::router
