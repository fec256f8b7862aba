#pragma once

#include <memory>

#include "source/http/codec.h"

namespace weir::http::http1 {

// Where a codec's bytes go: the connection manager and the pool adapt it to network::Connection,
// tests to a Buffer. Worker-confined; outlives the exchange it was attached for.
class CodecOutput {
 public:
  // What is sent next; the codec composes straight into it, then calls outputReady().
  virtual buffer::Buffer& output() = 0;
  // `end_stream`: half-close after the last byte (the end of a tunnel's direction).
  virtual void outputReady(bool end_stream) = 0;
  // Stops / goes on reading from the connection. What the codec left in the input is offered to
  // dispatch() again, later, when reading goes on.
  virtual void setReadEnabled(bool enabled) = 0;
  // Ends the connection at once, dropping what is not written: the exchange failed half-way.
  virtual void abort() = 0;
  // The connection, for bulk transfer past the codec; nullptr: not possible here.
  virtual network::Connection* rawConnection() { return nullptr; }

 protected:
  ~CodecOutput() = default;
};

// Server half of HTTP/1.0 and 1.1 (RFC 9112). Keeps no connection: attach() starts it afresh on
// one, so that a worker needs only as many as it has busy connections; when idle() it may serve
// another. Worker-confined.
class Http1ServerCodec : public ServerCodec {
 public:
  virtual void attach(CodecOutput& output, ServerCodecCallbacks& callbacks) = 0;
  // Forgets the exchange in progress without a call to anybody: the connection is gone.
  virtual void detach() = 0;
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
