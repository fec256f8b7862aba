#include "test/integration/soak_peers.h"

#include <sched.h>

#include <algorithm>
#include <cstdio>
#include <thread>
#include <vector>

namespace weir::test {
namespace {

constexpr char kHost[] = " HTTP/1.1\r\nHost: soak.example\r\n";

// What makes a peer slow: others run in between.
void pause() {
  for (int i = 0; i < 20; ++i) ::sched_yield();
}

std::string hex(size_t number) {
  char text[20];
  std::snprintf(text, sizeof text, "%zx", number);
  return text;
}

bool sendChunked(RawConnection& connection, std::string_view body, size_t piece) {
  while (!body.empty()) {
    const std::string_view part = body.substr(0, piece);
    if (!connection.send(hex(part.size()) + "\r\n" + std::string(part) + "\r\n")) return false;
    body.remove_prefix(part.size());
  }
  return connection.send("0\r\nX-Trailer: yes\r\n\r\n");
}

bool sendSlowly(RawConnection& connection, std::string_view body) {
  const size_t piece = body.size() / 16 + 1;
  while (!body.empty()) {
    if (!connection.send(body.substr(0, piece))) return false;
    body.remove_prefix(std::min(piece, body.size()));
    pause();
  }
  return true;
}

std::string headFor(size_t length) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n";
}

void echoTunnel(RawConnection& connection) {
  connection.send(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  std::string got;
  while (!(got = connection.readSome()).empty() && connection.send(got)) {
  }
}

// False when the connection is at its end.
bool answer(RawConnection& connection, RawMessage& request) {
  const std::string target = request.target();
  const size_t slash = target.find('/', 1);
  const std::string mode = target.substr(1, slash - 1);
  const size_t size = std::strtoul(target.c_str() + slash + 1, nullptr, 10);
  const std::string_view body = soakBody(size);
  if (mode == "early") {
    return connection.send(headFor(size)) && connection.send(body) && connection.readBody(request);
  }
  if (!connection.readBody(request)) return false;
  if (mode == "length") return connection.send(headFor(size)) && connection.send(body);
  if (mode == "slow") return connection.send(headFor(size)) && sendSlowly(connection, body);
  if (mode == "echo") {
    return connection.send(headFor(request.body.size())) && connection.send(request.body);
  }
  if (mode == "chunked") {
    return connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n") &&
           sendChunked(connection, body, size / 3 + 1);
  }
  if (mode == "close") {
    connection.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
    connection.send(body);
    return false;
  }
  if (mode == "broken") {
    connection.send(headFor(size + 1));
    connection.send(body.substr(0, size / 2));
    connection.abort();
  }
  return false;  // broken, silent
}

}  // namespace

std::string_view soakBody(size_t size) {
  static const std::string* const kBytes = [] {
    auto* bytes = new std::string(kSoakLargest, '\0');
    for (size_t i = 0; i < bytes->size(); ++i) {
      (*bytes)[i] = static_cast<char>(i * 37 + (i >> 8) + (i >> 16));
    }
    return bytes;
  }();
  return std::string_view(*kBytes).substr(0, size);
}

void soakOrigin(RawConnection& connection, int) {
  while (true) {
    RawMessage request = connection.readMessage(false, false);
    if (!request.complete) return;
    if (request.count("upgrade") != 0) return echoTunnel(connection);
    if (!answer(connection, request)) return;
  }
}

std::string SoakClient::step() {
  switch (below(100)) {
    case 0 ... 27:
      return get("length");
    case 28 ... 41:
      return get("chunked");
    case 42 ... 47:
      return get("close");
    case 48 ... 53:
      return get("slow");
    case 54 ... 55:
      return getOverHttp10();
    case 56 ... 61:
      return readSlowly();
    case 62 ... 66:
      return upload(false);
    case 67 ... 71:
      return upload(true);
    case 72 ... 77:
      return pipeline();
    case 78 ... 80:
      return meetBrokenOrigin();
    case 81 ... 83:
      return meetSilentOrigin();
    case 84 ... 85:
      return meetEarlyAnswer();
    case 86 ... 87:
      return leaveWithinHead();
    case 88 ... 90:
      return leaveWithinUpload();
    case 91 ... 93:
      return leaveWithinResponse();
    case 94 ... 97:
      return tunnel();
    default:
      return breakTheProtocol();
  }
}

RawConnection& SoakClient::kept() {
  if (!kept_) kept_.emplace(connect());
  return *kept_;
}

void SoakClient::keepUnlessClosed(const RawMessage& response) {
  if (!response.complete || response.header("connection") == "close") kept_.reset();
}

// Mostly small, seldom up to kSoakLargest.
size_t SoakClient::anySize() {
  switch (below(20)) {
    case 0 ... 1:
      return 0;
    case 2 ... 9:
      return below(1000);
    case 10 ... 15:
      return below(64 << 10);
    case 16 ... 18:
      return below(1 << 20);
    default:
      return below(kSoakLargest + 1);
  }
}

std::string SoakClient::request(std::string_view mode, size_t size) const {
  return "GET /" + std::string(mode) + "/" + std::to_string(size) + kHost + "\r\n";
}

std::string SoakClient::expectBody(const RawMessage& response, std::string_view mode, size_t size) {
  bytes_ += response.body.size();
  if (response.status() == 200 && response.complete && response.body == soakBody(size)) return {};
  return std::string(mode) + " of " + std::to_string(size) + " bytes: status " +
         std::to_string(response.status()) + ", " + std::to_string(response.body.size()) +
         " bytes" + (response.complete ? ", complete " : ", incomplete ") +
         response.body.substr(0, 80);
}

std::string SoakClient::get(std::string_view mode) {
  const size_t size = anySize();
  kept().send(request(mode, size));
  const RawMessage response = kept().readMessage();
  keepUnlessClosed(response);
  return expectBody(response, mode, size);
}

std::string SoakClient::getOverHttp10() {
  const size_t size = anySize();
  RawConnection client = connect();
  client.send("GET /chunked/" + std::to_string(size) + " HTTP/1.0\r\nHost: soak.example\r\n\r\n");
  return expectBody(client.readMessage(), "HTTP/1.0", size);
}

std::string SoakClient::readSlowly() {
  const size_t size = std::min<size_t>(anySize(), 4 << 20);
  RawConnection client = connect();
  // Holds a few segments of loopback: below that the kernels wait for each other's timers.
  client.setReceiveBuffer(128 * 1024);
  client.send(request("length", size));
  RawMessage response = client.readMessage(false, false);
  while (response.complete && response.body.size() < size) {
    const std::string piece =
        client.readExactly(std::min<size_t>(size / 16 + 1, size - response.body.size()));
    response.body += piece;
    if (piece.empty()) break;
    pause();
  }
  return expectBody(response, "slow reader", size);
}

std::string SoakClient::upload(bool chunked) {
  const size_t size = anySize();
  const std::string head = "POST /echo/0" + std::string(kHost);
  RawConnection& client = kept();
  if (chunked) {
    client.send(head + "Transfer-Encoding: chunked\r\n\r\n");
    sendChunked(client, soakBody(size), size / 5 + 1);
  } else {
    client.send(head + "Content-Length: " + std::to_string(size) + "\r\n\r\n");
    client.send(soakBody(size));
  }
  const RawMessage response = client.readMessage();
  keepUnlessClosed(response);
  return expectBody(response, chunked ? "chunked upload" : "upload", size);
}

std::string SoakClient::pipeline() {
  std::vector<size_t> sizes(2 + below(20));
  std::string all;
  for (size_t& size : sizes) {
    size = below(3000);
    all += request(below(2) == 0 ? "length" : "chunked", size);
  }
  RawConnection& client = kept();
  client.send(all);
  for (const size_t size : sizes) {
    const RawMessage response = client.readMessage();
    if (std::string wrong = expectBody(response, "pipelined", size); !wrong.empty()) {
      kept_.reset();
      return wrong;
    }
  }
  return {};
}

std::string SoakClient::meetBrokenOrigin() {
  const size_t size = anySize();
  kept().send(request("broken", size));
  const RawMessage response = kept().readMessage();
  keepUnlessClosed(response);
  const bool cut = !response.complete;
  return cut || response.status() == 502 ? "" : "a broken response came as a whole one";
}

std::string SoakClient::meetSilentOrigin() {
  kept().send(request("silent", 0));
  const RawMessage response = kept().readMessage();
  keepUnlessClosed(response);
  return response.status() == 502 ? "" : "silent origin: " + response.start_line;
}

// What it gets depends on how far the upload was.
std::string SoakClient::meetEarlyAnswer() {
  RawConnection client = connect();
  client.send("POST /early/100" + std::string(kHost) + "Content-Length: 500000\r\n\r\n");
  client.send(soakBody(below(500'000)));
  const RawMessage response = client.readMessage();
  return !response.complete || response.status() == 200 ? "" : "early: " + response.start_line;
}

std::string SoakClient::leaveWithinHead() {
  RawConnection client = connect();
  const std::string whole = request("length", 1000);
  client.send(whole.substr(0, 1 + below(whole.size() - 1)));
  if (below(2) == 0) client.abort();
  return {};
}

std::string SoakClient::leaveWithinUpload() {
  const size_t size = 1 + anySize();
  RawConnection client = connect();
  client.send("POST /echo/0" + std::string(kHost) + "Content-Length: " + std::to_string(size) +
              "\r\n\r\n");
  client.send(soakBody(below(size)));
  if (below(2) == 0) client.abort();
  return {};
}

std::string SoakClient::leaveWithinResponse() {
  const size_t size = 1 + anySize();
  RawConnection client = connect();
  client.send(request(below(2) == 0 ? "length" : "chunked", size));
  if (below(4) != 0) client.readExactly(below(size));
  if (below(2) == 0) client.abort();
  return {};
}

std::string SoakClient::tunnel() {
  RawConnection client = connect();
  client.send("GET /tunnel/0" + std::string(kHost) +
              "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  if (client.readMessage().status() != 101) return "no tunnel";
  for (size_t left = 1 + below(5); left > 0; --left) {
    const std::string_view message = soakBody(1 + below(200'000));
    std::thread sender([&] { client.send(message); });
    const bool same = client.readExactly(message.size()) == message;
    sender.join();
    if (!same) return "a tunnel changed what it carried";
  }
  switch (below(3)) {
    case 0:
      client.abort();
      return {};
    case 1:
      return {};
    default:
      client.shutdownWrite();
      return client.closedByPeer() ? "" : "a tunnel stayed open";
  }
}

std::string SoakClient::breakTheProtocol() {
  RawConnection client = connect();
  client.send("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 2\r\n\r\n");
  return client.readMessage().status() == 400 ? "" : "an ambiguous request was not refused";
}

}  // namespace weir::test
