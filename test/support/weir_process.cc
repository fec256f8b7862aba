#include "test/support/weir_process.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "test/support/raw_connection.h"

namespace weir::test {

std::string dataFile(const std::string& path) {
  const char* sources = std::getenv("TEST_SRCDIR");
  const char* workspace = std::getenv("TEST_WORKSPACE");
  if (sources == nullptr || workspace == nullptr) return path;
  return std::string(sources) + "/" + workspace + "/" + path;
}

std::string weirBinary() {
  return dataFile("source/exe/weir");
}

Finished weir(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), weirBinary());
  return runToEnd(arguments);
}

WeirProcess::WeirProcess(std::string_view config)
    : process_({weirBinary(), "run", "-c", folder_.write("weir.textproto", config)}) {
  process_.waitForError("serving with ");
}

uint16_t WeirProcess::portAfter(const std::string& text) {
  const std::string log = process_.err();
  const size_t start = log.find(text);
  if (start == std::string::npos) return 0;
  const size_t end = log.find('\n', start);
  const size_t colon = log.rfind(':', end);
  return static_cast<uint16_t>(std::atoi(log.c_str() + colon + 1));
}

uint16_t WeirProcess::port(const std::string& listener) {
  return portAfter("listener \"" + listener + "\" on ");
}

uint16_t WeirProcess::adminPort() {
  return portAfter("admin on ");
}

std::string WeirProcess::url(const std::string& listener, std::string_view path) {
  return "http://127.0.0.1:" + std::to_string(port(listener)) + std::string(path);
}

int64_t WeirProcess::stat(const std::string& name, std::string_view label) {
  RawConnection admin = RawConnection::connectTo(adminPort());
  admin.send("GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const std::string text = "\n" + admin.readMessage().body;
  int64_t sum = 0;
  bool found = false;
  const std::string line = "\nweir_" + name;
  for (size_t at = 0; (at = text.find(line, at)) != std::string::npos; at += line.size()) {
    const char next = text[at + line.size()];
    if (next != '{' && next != ' ') continue;
    const size_t end = text.find('\n', at + 1);
    if (text.substr(at, end - at).find(label) == std::string::npos) continue;
    found = true;
    sum += std::atoll(text.c_str() + text.rfind(' ', end) + 1);
  }
  return found ? sum : -1;
}

Finished curl(std::vector<std::string> arguments) {
  const std::vector<std::string> always = {
      "curl", "--silent", "--show-error", "--max-time", "20", "--noproxy", "*"};
  arguments.insert(arguments.begin(), always.begin(), always.end());
  return runToEnd(arguments);
}

}  // namespace weir::test
