#include "test/support/raw_connection.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "source/base/ascii.h"

namespace weir::test {
namespace {

constexpr timeval kTimeout{.tv_sec = 10, .tv_usec = 0};

std::string trimmed(std::string_view text) {
  const size_t start = text.find_first_not_of(" \t");
  if (start == std::string_view::npos) return {};
  return std::string(text.substr(start, text.find_last_not_of(" \t") - start + 1));
}

}  // namespace

int RawMessage::status() const {
  return start_line.size() < 12 ? 0 : std::atoi(start_line.c_str() + 9);
}

std::string RawMessage::method() const {
  return start_line.substr(0, start_line.find(' '));
}

std::string RawMessage::target() const {
  const size_t start = start_line.find(' ') + 1;
  return start_line.substr(start, start_line.rfind(' ') - start);
}

std::string RawMessage::header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? std::string() : found->second;
}

RawConnection RawConnection::connectTo(uint16_t port) {
  base::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fd.reset();
  return RawConnection(std::move(fd));
}

RawConnection::RawConnection(base::UniqueFd fd) : fd_(std::move(fd)) {
  const int on = 1;
  ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &kTimeout, sizeof kTimeout);
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &kTimeout, sizeof kTimeout);
}

bool RawConnection::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

bool RawConnection::fill() {
  char chunk[64 * 1024];
  const ssize_t got = ::recv(fd_.get(), chunk, sizeof chunk, 0);
  if (got <= 0) return false;
  buffer_.append(chunk, static_cast<size_t>(got));
  return true;
}

bool RawConnection::readLine(std::string& line) {
  size_t end;
  while ((end = buffer_.find("\r\n")) == std::string::npos) {
    if (!fill()) return false;
  }
  line = buffer_.substr(0, end);
  buffer_.erase(0, end + 2);
  return true;
}

bool RawConnection::readFields(std::multimap<std::string, std::string>& fields) {
  std::string line;
  while (readLine(line)) {
    if (line.empty()) return true;
    const size_t colon = line.find(':');
    if (colon == std::string::npos) return false;
    fields.emplace(base::lowered(line.substr(0, colon)), trimmed(line.substr(colon + 1)));
  }
  return false;
}

bool RawConnection::readChunked(RawMessage& message) {
  std::string line;
  while (readLine(line)) {
    const size_t size = std::strtoul(line.c_str(), nullptr, 16);
    if (size == 0) return readFields(message.trailers);
    const std::string chunk = readExactly(size);
    message.body += chunk;
    if (chunk.size() != size || !readLine(line) || !line.empty()) return false;
  }
  return false;
}

RawMessage RawConnection::readMessage(bool to_head, bool body) {
  RawMessage message;
  if (!readLine(message.start_line) || !readFields(message.headers)) return message;
  message.complete = true;
  if (body) readBody(message, to_head);
  return message;
}

bool RawConnection::readBody(RawMessage& message, bool to_head) {
  const bool response = message.start_line.starts_with("HTTP/");
  const int status = response ? message.status() : 0;
  const bool none = to_head || status == 204 || status == 304 || (status >= 100 && status < 200);
  if (none) return true;
  if (message.count("transfer-encoding") != 0) {
    message.complete = readChunked(message);
  } else if (message.count("content-length") != 0) {
    const size_t length = std::strtoul(message.header("content-length").c_str(), nullptr, 10);
    message.body = readExactly(length);
    message.complete = message.body.size() == length;
  } else if (response) {
    message.body = readAll();
  }
  return message.complete;
}

std::string RawConnection::readSome(size_t limit) {
  if (buffer_.empty()) fill();
  std::string some = buffer_.substr(0, limit);
  buffer_.erase(0, some.size());
  return some;
}

std::string RawConnection::readExactly(size_t bytes) {
  while (buffer_.size() < bytes && fill()) {
  }
  std::string exact = buffer_.substr(0, bytes);
  buffer_.erase(0, exact.size());
  return exact;
}

std::string RawConnection::readAll() {
  while (fill()) {
  }
  return std::exchange(buffer_, {});
}

bool RawConnection::closedByPeer() {
  if (!buffer_.empty()) return false;
  char byte;
  const ssize_t got = ::recv(fd_.get(), &byte, 1, 0);
  return got == 0 || (got < 0 && errno == ECONNRESET);
}

void RawConnection::shutdownWrite() {
  ::shutdown(fd_.get(), SHUT_WR);
}

void RawConnection::abort() {
  const linger reset{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  fd_.reset();
}

void RawConnection::setReceiveBuffer(int bytes) {
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

}  // namespace weir::test
