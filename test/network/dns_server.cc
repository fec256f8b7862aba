#include "test/network/dns_server.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "gtest/gtest.h"

#include "source/network/socket.h"

namespace weir::network::test {
namespace {

constexpr size_t kHeader = 12;

void put16(std::string& out, uint16_t value) {
  out += static_cast<char>(value >> 8);
  out += static_cast<char>(value & 0xff);
}

void put32(std::string& out, uint32_t value) {
  put16(out, static_cast<uint16_t>(value >> 16));
  put16(out, static_cast<uint16_t>(value & 0xffff));
}

uint16_t get16(std::string_view in, size_t at) {
  return static_cast<uint16_t>(static_cast<uint8_t>(in[at]) << 8 |
                               static_cast<uint8_t>(in[at + 1]));
}

std::optional<DnsQuestion> parse(std::string_view query) {
  if (query.size() < kHeader + 5) return std::nullopt;
  DnsQuestion question;
  question.id = get16(query, 0);
  size_t at = kHeader;
  while (at < query.size() && query[at] != 0) {
    const auto length = static_cast<uint8_t>(query[at]);
    if (!question.name.empty()) question.name += '.';
    for (const char c : query.substr(at + 1, length)) {
      question.name += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    at += 1 + length;
  }
  if (at + 3 > query.size()) return std::nullopt;
  question.type = get16(query, at + 1);
  return question;
}

std::string packed(int family, std::string_view address) {
  std::string bytes(family == AF_INET ? 4 : 16, '\0');
  EXPECT_EQ(::inet_pton(family, std::string(address).c_str(), bytes.data()), 1) << address;
  return bytes;
}

bool readFully(int fd, char* out, size_t size) {
  while (size > 0) {
    pollfd readable{.fd = fd, .events = POLLIN, .revents = 0};
    if (::poll(&readable, 1, 5000) != 1) return false;
    const ssize_t count = ::recv(fd, out, size, 0);
    if (count <= 0) return false;
    out += count;
    size -= static_cast<size_t>(count);
  }
  return true;
}

}  // namespace

DnsReply& DnsReply::code(int rcode) {
  rcode_ = rcode;
  return *this;
}

DnsReply& DnsReply::truncated() {
  truncated_ = true;
  return *this;
}

DnsReply& DnsReply::a(std::string_view address, uint32_t ttl, std::string_view owner) {
  return record(kDnsA, ttl, packed(AF_INET, address), owner);
}

DnsReply& DnsReply::aaaa(std::string_view address, uint32_t ttl, std::string_view owner) {
  return record(kDnsAaaa, ttl, packed(AF_INET6, address), owner);
}

DnsReply& DnsReply::cname(std::string_view target, uint32_t ttl, std::string_view owner) {
  return record(kDnsCname, ttl, encodeName(target), owner);
}

DnsReply& DnsReply::srv(Srv numbers, std::string_view target, uint32_t ttl) {
  std::string data;
  put16(data, numbers.priority);
  put16(data, numbers.weight);
  put16(data, numbers.port);
  return record(kDnsSrv, ttl, data + encodeName(target));
}

DnsReply& DnsReply::record(uint16_t type, uint32_t ttl, std::string_view data,
                           std::string_view owner) {
  if (owner.empty()) {
    put16(body_, 0xc000 | kHeader);
  } else {
    body_ += encodeName(owner);
  }
  put16(body_, type);
  put16(body_, 1);
  put32(body_, ttl);
  put16(body_, static_cast<uint16_t>(data.size()));
  body_ += data;
  ++records_;
  return *this;
}

std::string DnsReply::encodeName(std::string_view name) {
  std::string bytes;
  while (!name.empty()) {
    const std::string_view label = name.substr(0, name.find('.'));
    bytes += static_cast<char>(label.size());
    bytes += label;
    name.remove_prefix(std::min(name.size(), label.size() + 1));
  }
  return bytes + '\0';
}

std::string DnsReply::bytes() const {
  const std::string question = encodeName(question_.name);
  const bool cut =
      truncated_ || (!question_.tcp && kHeader + question.size() + 4 + body_.size() > 512);
  std::string out;
  put16(out, question_.id);
  put16(out, static_cast<uint16_t>(0x8180 | (cut ? 0x0200 : 0) | rcode_));
  put16(out, 1);
  put16(out, cut ? 0 : records_);
  put32(out, 0);
  out += question;
  put16(out, question_.type);
  put16(out, 1);
  return cut ? out : out + body_;
}

DnsServer::DnsServer(Script script) : script_(std::move(script)) {
  // The same port for both, which is free for the one most of the time when it is for the other.
  for (int attempt = 0; attempt < 100 && !tcp_.valid(); ++attempt) {
    udp_ = base::UniqueFd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(udp_.get(), reinterpret_cast<sockaddr*>(&any), sizeof any), 0);
    address_ = localAddressOf(udp_.get());
    tcp_ = base::UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::bind(tcp_.get(), address_.data(), address_.length()) != 0) tcp_.reset();
  }
  EXPECT_EQ(::listen(tcp_.get(), 16), 0);
  stop_ = base::UniqueFd(::eventfd(0, EFD_CLOEXEC));
  thread_ = std::thread([this] { run(); });
}

DnsServer::~DnsServer() {
  const uint64_t one = 1;
  EXPECT_EQ(::write(stop_.get(), &one, sizeof one), static_cast<ssize_t>(sizeof one));
  thread_.join();
}

void DnsServer::setScript(Script script) {
  const std::lock_guard lock(mutex_);
  script_ = std::move(script);
}

std::vector<DnsQuestion> DnsServer::questions() const {
  const std::lock_guard lock(mutex_);
  return questions_;
}

int DnsServer::asked(uint16_t type) const {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(
      std::count_if(questions_.begin(), questions_.end(),
                    [type](const DnsQuestion& question) { return question.type == type; }));
}

void DnsServer::run() {
  pollfd watched[] = {{.fd = stop_.get(), .events = POLLIN, .revents = 0},
                      {.fd = udp_.get(), .events = POLLIN, .revents = 0},
                      {.fd = tcp_.get(), .events = POLLIN, .revents = 0}};
  while (::poll(watched, std::size(watched), -1) > 0 && watched[0].revents == 0) {
    if (watched[1].revents != 0) serveDatagram();
    if (watched[2].revents != 0) serveStream();
  }
}

std::optional<std::string> DnsServer::answer(std::string_view query, bool tcp) {
  auto question = parse(query);
  if (!question) return std::nullopt;
  question->tcp = tcp;
  const std::lock_guard lock(mutex_);
  questions_.push_back(*question);
  return script_ ? script_(*question) : std::nullopt;
}

void DnsServer::serveDatagram() {
  char bytes[4096];
  sockaddr_storage from{};
  socklen_t length = sizeof from;
  const ssize_t count =
      ::recvfrom(udp_.get(), bytes, sizeof bytes, 0, reinterpret_cast<sockaddr*>(&from), &length);
  if (count < 0) return;
  const auto reply = answer({bytes, static_cast<size_t>(count)}, false);
  if (!reply) return;
  ::sendto(udp_.get(), reply->data(), reply->size(), 0, reinterpret_cast<sockaddr*>(&from), length);
}

// One question per connection.
void DnsServer::serveStream() {
  const base::UniqueFd peer(::accept4(tcp_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  char size[2];
  if (!peer.valid() || !readFully(peer.get(), size, sizeof size)) return;
  std::string query(get16({size, sizeof size}, 0), '\0');
  if (!readFully(peer.get(), query.data(), query.size())) return;
  const auto reply = answer(query, true);
  if (!reply) return;
  std::string framed;
  put16(framed, static_cast<uint16_t>(reply->size()));
  framed += *reply;
  ::send(peer.get(), framed.data(), framed.size(), MSG_NOSIGNAL);
  // Until the other side is done with it.
  char rest;
  readFully(peer.get(), &rest, 1);
}

}  // namespace weir::network::test
