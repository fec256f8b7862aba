#pragma once

#include <memory>

#include "source/http/codec.h"

namespace weir::http::http1 {

// Server half of HTTP/1.0 and 1.1 (RFC 9112). Keeps no connection: attach() starts it afresh on
// one, so that a worker needs only as many as it has busy connections; when idle() it may serve
// another. Worker-confined.
class Http1ServerCodec : public ServerCodec {
 public:
  virtual void attach(CodecOutput& output, ServerCodecCallbacks& callbacks) = 0;
  // Forgets the exchange in progress without a call to anybody: the connection is gone.
  virtual void detach() = 0;
  // After dispatch() returned an error and when no response head was sent: writes the whole final
  // answer: statusFor(error), no body, Connection: close.
  virtual void answerError(const StreamError& error) = 0;
};

// What a client codec tells its owner. Worker-confined.
class ClientCodecCallbacks {
 public:
  // The exchange is over: the response is complete and the decoder has been told; the encoder is
  // dead. reusable() now says whether the connection may carry another one; if not, close it. Not
  // called after reset() (which aborts the connection) nor after an error that dispatch() returned.
  virtual void onExchangeComplete() = 0;

 protected:
  ~ClientCodecCallbacks() = default;
};

// Client half likewise. One exchange at a time. Worker-confined.
class Http1ClientCodec : public ClientCodec {
 public:
  virtual void attach(CodecOutput& output, ClientCodecCallbacks& callbacks) = 0;
  virtual void detach() = 0;
};

// `limits` outlives the codec. Call attach() before anything else.
std::unique_ptr<Http1ServerCodec> createServerCodec(const CodecLimits& limits);
std::unique_ptr<Http1ClientCodec> createClientCodec(const CodecLimits& limits);

}  // namespace weir::http::http1
