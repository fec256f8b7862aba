#pragma once

#include <cstdint>

#include "source/buffer/buffer.h"
#include "source/http/message.h"
#include "source/http/stream_error.h"

namespace weir::network {
class Connection;
}

namespace weir::http {

// The four halves of a codec, for HTTP/1 and HTTP/2 alike. "Decoder": receives what the peer sent.
// "Encoder": sends to the peer. Worker-confined. No call destroys the object it is made on before
// it returns.

// Where a codec's bytes go: the connection manager and the pool adapt it to network::Connection,
// tests to a Buffer. Worker-confined; outlives the use of the codec on its connection.
class CodecOutput {
 public:
  // What is sent next; the codec composes straight into it, then calls outputReady().
  virtual buffer::Buffer& output() = 0;
  // `end_stream`: half-close after the last byte (the end of a tunnel's direction, HTTP/1).
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

// A stream's way to send a response. Given to the stream by the server codec; valid until the
// exchange is complete in both directions or reset() / onReset(). Worker-confined.
class ResponseEncoder {
 public:
  // 1xx but 101; any number before the head. Not sent to HTTP/1.0 clients.
  virtual void encodeInformational(const ResponseHead& head) = 0;
  // The framing of the body on the wire is chosen by the codec from head.framing, request method
  // and version; fields that frame (Content-Length, Transfer-Encoding, Connection, Keep-Alive) are
  // written by it, whatever head.headers says.
  virtual void encodeHead(const ResponseHead& head, bool end_stream) = 0;
  virtual void encodeBody(buffer::Buffer& data, bool end_stream) = 0;
  virtual void encodeTrailers(const HeaderMap& trailers) = 0;
  // Ends the stream abnormally: HTTP/1 closes the connection, HTTP/2 sends RST_STREAM.
  virtual void reset(const StreamError& error) = 0;
  // Stops / goes on delivering the request body (backpressure from the upstream side).
  virtual void setReadEnabled(bool enabled) = 0;
  // The connection takes no further request. HTTP/1: closes after this response. HTTP/2: GOAWAY,
  // other streams finish.
  virtual void closeAfterResponse() = 0;

  // Bulk transfer past the codec, of what the peer's TransportSocket allows (HTTP/1 only): the
  // connection whose output now takes exactly `bytes` of body that somebody (network::Splicer)
  // writes directly; 0 when not possible. Call after encodeHead(head, false) with framing
  // kContentLength. When done, finishRawBody().
  virtual network::Connection* beginRawBody(uint64_t) { return nullptr; }
  virtual void finishRawBody() {}

 protected:
  ~ResponseEncoder() = default;
};

// Receives one request. Made by ServerCodecCallbacks::newStream. Worker-confined.
class RequestDecoder {
 public:
  // Where the codec parses the head into, and later the trailers.
  virtual RequestHead& requestHead() = 0;
  virtual HeaderMap& requestTrailers() = 0;

  // The head is complete and valid (framing checked; the semantics module has passed it).
  // `end_stream` is false for CONNECT and for a request that asks for an upgrade (head.upgrade is
  // not empty): if the answer is 101 (2xx for CONNECT), the tunnel's bytes follow as body. Who
  // ignores or refuses the upgrade takes the request as ended; nothing more comes for it.
  virtual void onHead(bool end_stream) = 0;
  // Take from `data` what you want by reference; the rest is dropped on return.
  virtual void onBody(buffer::Buffer& data, bool end_stream) = 0;
  // Instead of end_stream on the last onBody.
  virtual void onTrailers() = 0;
  // Instead of onHead: the head is not acceptable, but can be answered (HTTP/2: over the limits).
  // Answer with statusFor(error); nothing more comes of the request.
  virtual void onRefused(const StreamError& error) = 0;
  // The client takes no more of the response for now (its window or the connection is full): stop
  // producing / go on.
  virtual void onResponseBlocked(bool blocked) = 0;
  // The last call when the exchange does not complete: the connection broke or the peer violated
  // the protocol, or gave only this stream up. Before a protocol error is reported, nothing of the
  // bad message has been passed on but what was valid by then.
  virtual void onReset(const StreamError& error) = 0;

 protected:
  ~RequestDecoder() = default;
};

// What a server codec tells its owner. Worker-confined.
class ServerCodecCallbacks {
 public:
  // A request begins (first byte of its head). The decoder stays valid until the response is
  // complete or onReset.
  virtual RequestDecoder& newStream(ResponseEncoder& encoder) = 0;
  // Request and response of the stream are complete on the wire side; the encoder is dead after the
  // call.
  virtual void onStreamComplete(RequestDecoder& decoder) = 0;
  // HTTP/2: an error that no dispatch() can return, because it comes of time. The last words
  // (GOAWAY) are in the output: close when they are written. Streams have been told.
  virtual void onConnectionError(const StreamError& error) = 0;
  // HTTP/2: after drain(), no stream is left and the last GOAWAY is in the output: close when it is
  // written.
  virtual void onDrained() = 0;

 protected:
  ~ServerCodecCallbacks() = default;
};

// The server side of one connection: requests in, responses out. Worker-confined.
class ServerCodec {
 public:
  virtual ~ServerCodec() = default;
  // Consumes what it can of `data` (pipelined requests wait there until the one before is
  // answered). On a protocol error with no stream to tell, or after telling it, the returned error
  // says why; the caller answers (if nothing was answered) and closes.
  virtual StreamError dispatch(buffer::Buffer& data, bool end_stream) = 0;
  virtual Version version() const = 0;
  // No stream in progress and no partial head: may be put away.
  virtual bool idle() const = 0;
  // Finish what runs, accept no more (HTTP/1: Connection: close on the next response; HTTP/2:
  // GOAWAY, then onDrained()).
  virtual void drain() = 0;
  // The connection carries no further request. HTTP/1: asked in onStreamComplete, true means flush
  // and close.
  virtual bool closing() const = 0;
  // The connection's output passed its watermark up / down: tells the streams (onResponseBlocked).
  virtual void onAboveHighWatermark() {}
  virtual void onBelowLowWatermark() {}
};

// A stream's way to send a request. Given by ClientCodec::newStream; valid until the response is
// complete, also when that is before the request's end (the rest is then not sent), or reset() /
// onReset(). Worker-confined.
class RequestEncoder {
 public:
  // Host is written from head.authority, framing fields from head.framing, Upgrade from
  // head.upgrade, whatever head.headers says of them.
  // False, from each of the three: the exchange cannot be completed (the body falls short of its
  // length; the peer takes no extended CONNECT) and was given up as by reset().
  [[nodiscard]] virtual bool encodeHead(const RequestHead& head, bool end_stream) = 0;
  [[nodiscard]] virtual bool encodeBody(buffer::Buffer& data, bool end_stream) = 0;
  [[nodiscard]] virtual bool encodeTrailers(const HeaderMap& trailers) = 0;
  // Cancels; HTTP/1 closes the connection, HTTP/2 sends RST_STREAM. No call to the decoder follows.
  virtual void reset() = 0;
  virtual void setReadEnabled(bool enabled) = 0;
  // Raw transfer of the rest of a response body: how many bytes are still to come with framing
  // kContentLength and none of them buffered or consumed (0: not possible), and their connection.
  virtual uint64_t rawBodyRemaining() const { return 0; }
  virtual network::Connection* connection() { return nullptr; }
  // `bytes` of the body were taken from the connection directly. The last byte completes the
  // response.
  virtual void rawBodyConsumed(uint64_t) {}

 protected:
  ~RequestEncoder() = default;
};

// Receives one response. Worker-confined.
class ResponseDecoder {
 public:
  virtual ResponseHead&
  responseHead() = 0;  // storage; cleared by the codec before each (interim) head
  virtual HeaderMap& responseTrailers() = 0;

  virtual void onInformational() = 0;  // 1xx but 101, in responseHead()
  virtual void onHead(bool end_stream) = 0;
  virtual void onBody(buffer::Buffer& data, bool end_stream) = 0;
  virtual void onTrailers() = 0;
  virtual void onReset(const StreamError& error) = 0;  // the last call when it does not complete
  // The upstream connection's output is above / below its watermark: stop / go on sending the
  // request body.
  virtual void onRequestBlocked(bool blocked) = 0;

 protected:
  ~ResponseDecoder() = default;
};

// The client side of one connection: requests out, responses in. Worker-confined.
class ClientCodec {
 public:
  virtual ~ClientCodec() = default;
  // One at a time for HTTP/1.
  virtual RequestEncoder& newStream(ResponseDecoder& decoder) = 0;
  virtual StreamError dispatch(buffer::Buffer& data, bool end_stream) = 0;
  virtual Version version() const = 0;
  // The connection's output passed its watermark up / down: tells the decoder (onRequestBlocked).
  virtual void onAboveHighWatermark() {}
  virtual void onBelowLowWatermark() {}
  // After a complete exchange: may this connection carry another one? Bytes or an end that come on
  // an idle connection (dispatch() then returns an error) make it false.
  virtual bool reusable() const = 0;
  virtual bool idle() const = 0;
};

// Limits of a message head and body; defaults are safe at the edge.
struct CodecLimits {
  uint32_t max_request_line_bytes = 8 * 1024;     // else 414
  uint32_t max_head_bytes = 64 * 1024;            // else 431 (502 for a response)
  uint32_t max_header_fields = 100;               // else 431 (502)
  uint32_t max_chunk_extension_bytes = 4 * 1024;  // per message; else 400
  uint32_t max_trailer_bytes = 16 * 1024;
  bool allow_connect = false;
  bool allow_http10 = true;
};

}  // namespace weir::http
