#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "source/base/fd.h"

namespace weir::test {

// An HTTP/1 message as a test sees it: read by a parser that shares nothing with the proxy's.
struct RawMessage {
  std::string start_line;
  std::multimap<std::string, std::string> headers;  // names in lower case
  std::string body;                                 // decoded
  std::multimap<std::string, std::string> trailers;
  bool complete = false;  // false: the connection ended or timed out in the midst

  int status() const;                                            // of a response
  std::string method() const;                                    // of a request
  std::string target() const;                                    // of a request
  std::string header(const std::string& lower_case_name) const;  // first value, or ""
  size_t count(const std::string& lower_case_name) const { return headers.count(lower_case_name); }
};

// A blocking TCP connection of a test's client or origin; each read gives up after ten seconds.
class RawConnection {
 public:
  // To loopback.
  static RawConnection connectTo(uint16_t port);
  explicit RawConnection(base::UniqueFd fd);

  // False when the peer has gone.
  bool send(std::string_view bytes);
  // Reads a message; for a response `to_head` says that it has no body whatever its head says.
  // `body`: false reads the head only.
  RawMessage readMessage(bool to_head = false, bool body = true);
  // Reads the body that belongs to a head read before, and says whether it came whole.
  bool readBody(RawMessage& message, bool to_head = false);
  // At least one byte, at most `limit`; empty at the end.
  std::string readSome(size_t limit = 64 * 1024);
  std::string readExactly(size_t bytes);
  std::string readAll();
  // True when the peer closes (or resets) without sending anything more.
  bool closedByPeer();
  void shutdownWrite();
  void close() { fd_.reset(); }
  // Closes with RST.
  void abort();
  void setReceiveBuffer(int bytes);
  int fd() const { return fd_.get(); }

 private:
  bool fill();
  bool readLine(std::string& line);
  bool readFields(std::multimap<std::string, std::string>& fields);
  bool readChunked(RawMessage& message);

  base::UniqueFd fd_;
  std::string buffer_;
};

}  // namespace weir::test
