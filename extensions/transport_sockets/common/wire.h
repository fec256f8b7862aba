#pragma once

#include <openssl/bio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "source/buffer/buffer.h"

namespace weir::extensions::transport_sockets {

class TlsSocket;

// What one connection keeps of its sealed bytes between two events; usually nothing.
// Worker-confined.
struct Line {
  Line(TlsSocket& owner, buffer::BlockPool& blocks)
      : socket(owner), received(blocks), unsent(blocks) {}

  TlsSocket& socket;
  buffer::Buffer received;  // came from the descriptor and was not looked at yet
  buffer::Buffer unsent;    // the kernel has not taken it yet
  int fd = -1;
  int error = 0;        // errno that ended reading or writing
  bool ended = false;   // the peer sent its FIN
  bool drained = true;  // the last recv(2) came back short: the descriptor has no more for now
};

// Moves sealed bytes between BoringSSL and the descriptor of the connection that is at work: one
// recv(2) into memory that the worker's connections share feeds many records, and all records of a
// call leave in one send(2). BoringSSL sees it as a BIO that takes whatever is written.
// Worker-confined.
class Wire {
 public:
  // Sealed bytes that are gathered before they are sent; what the kernel does not take of it is
  // what a connection has to keep.
  static constexpr size_t kGather = 64 * 1024;
  static constexpr size_t kReceive = 64 * 1024;

  Wire();
  ~Wire();
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  // To be given to each SSL, with a reference of its own.
  BIO* bio() const { return bio_.get(); }

  // While it lives, the BIO moves the bytes of `line`. One at a time.
  class Use {
   public:
    // recv(2) is called at most `receives` times, for at most `receive_bytes` each.
    Use(Wire& wire, Line& line, size_t receive_bytes, int receives);
    // Keeps what was received and not consumed, and what was written and not sent.
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    Wire& wire_;
  };

  // What is at hand without consuming it, at most kPeek bytes; recv(2) when that is nothing, or
  // when there must be `more` than came before.
  std::string_view peek(bool more);
  static constexpr size_t kPeek = 8 * 1024;
  // Nothing is at hand, and the descriptor had no more when it was asked last.
  bool exhausted() const { return at_ == end_ && line_->received.empty() && line_->drained; }
  // The connection at work.
  static TlsSocket& socketOf(BIO* bio);
  // Sends what was written. False: the connection is broken (Line::error). What the kernel does not
  // take is in Line::unsent.
  bool flush();
  // Bytes written and not yet sent by flush().
  size_t gathered() const { return gathered_; }

 private:
  static int onRead(BIO* bio, char* out, int bytes);
  static int onWrite(BIO* bio, const char* data, int bytes);
  static long onControl(BIO* bio, int command, long number, void* pointer);
  size_t take(std::span<char> out);
  bool receive();
  void gather(std::string_view bytes);
  void spill();
  bool sendUnsent();

  // Room for one more record, or a whole flight of a handshake, behind a full gathering.
  static constexpr size_t kGatherRoom = kGather + 24 * 1024;

  bssl::UniquePtr<BIO_METHOD> method_;
  bssl::UniquePtr<BIO> bio_;
  std::unique_ptr<char[]> in_;
  std::unique_ptr<char[]> out_;
  Line* line_ = nullptr;
  size_t at_ = 0;   // of in_: first byte that was not consumed
  size_t end_ = 0;  // of in_
  size_t gathered_ = 0;
  size_t receive_bytes_ = 0;
  int receives_ = 0;
};

}  // namespace weir::extensions::transport_sockets
