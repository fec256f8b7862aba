#include "test/e2e/programs.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gtest/gtest.h"

#include "source/base/fd.h"
#include "test/support/eventually.h"
#include "test/support/raw_connection.h"

namespace weir::test {
namespace {

// Binds `port` of loopback, 0 for any; 0 when it is taken.
uint16_t bindLoopback(int type, uint16_t port, base::UniqueFd& fd) {
  fd = base::UniqueFd(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(fd.get(), generic, size) != 0) return 0;
  if (::getsockname(fd.get(), generic, &size) != 0) return 0;
  return ntohs(address.sin_port);
}

Finished openssl(Command arguments) {
  arguments.insert(arguments.begin(), "openssl");
  Finished finished = runToEnd(arguments);
  EXPECT_EQ(finished.code, 0) << finished.err;
  return finished;
}

Command newKey(bool rsa) {
  if (rsa) return {"-newkey", "rsa:2048", "-nodes"};
  return {"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"};
}

void append(Command& command, const Command& more) {
  command.insert(command.end(), more.begin(), more.end());
}

}  // namespace

uint16_t freePort() {
  base::UniqueFd tcp;
  base::UniqueFd udp;
  for (int attempt = 0; attempt < 100; ++attempt) {
    const uint16_t port = bindLoopback(SOCK_STREAM, 0, tcp);
    if (port != 0 && bindLoopback(SOCK_DGRAM, port, udp) == port) return port;
  }
  return 0;
}

bool accepts(uint16_t port, ChildProcess& server) {
  const auto connects = [&] { return RawConnection::connectTo(port).fd() >= 0; };
  return eventually([&] { return !server.running() || connects(); }, std::chrono::seconds(20)) &&
         server.running();
}

bool isRoot() {
  return ::geteuid() == 0;
}

Command asUser(unsigned user, const Command& command, const std::string& capabilities) {
  if (!isRoot()) return command;
  const std::string id = std::to_string(user);
  const std::string kept = "+dac_override" + capabilities;
  Command all = {"setpriv", "--reuid", id, "--regid", id, "--clear-groups", "--no-new-privs"};
  append(all, {"--inh-caps", kept, "--ambient-caps", kept});
  append(all, command);
  return all;
}

CertificateAuthority::CertificateAuthority(const TemporaryFolder& folder, const std::string& name)
    : folder_(folder), file_(folder.file(name + ".pem")), key_(folder.file(name + ".key")) {
  Command command = {"req", "-x509", "-subj", "/CN=" + name, "-days", "30"};
  append(command, newKey(false));
  append(command, {"-keyout", key_, "-out", file_});
  openssl(command);
}

CertificateAuthority::Pair CertificateAuthority::issue(const std::string& name,
                                                       const std::string& names, bool rsa, int days,
                                                       const std::vector<std::string>& extensions) {
  Pair pair{folder_.file(name + ".pem"), folder_.file(name + ".key")};
  Command command = {"req", "-x509", "-subj", "/CN=" + name, "-days", std::to_string(days)};
  append(command, newKey(rsa));
  append(command, {"-CA", file_, "-CAkey", key_, "-keyout", pair.key, "-out", pair.certificate});
  append(command, {"-addext", "subjectAltName=" + names});
  append(command, {"-addext", "basicConstraints=critical,CA:FALSE"});
  append(command, {"-addext", "keyUsage=critical,digitalSignature"});
  append(command, {"-addext", "extendedKeyUsage=serverAuth,clientAuth"});
  for (const std::string& extension : extensions) append(command, {"-addext", extension});
  openssl(command);
  return pair;
}

Nginx::Nginx(const std::string& http, const std::vector<uint16_t>& ports)
    : ports_(ports),
      process_({"nginx", "-c", configuration(http), "-p", folder_.path(), "-e",
                folder_.file("error.log")}) {}

std::string Nginx::configuration(const std::string& http) const {
  const std::string& path = folder_.path();
  // Started as root, its worker would be another user, who may not see the test's folder.
  const std::string user = isRoot() ? "user root; " : "";
  return folder_.write(
      "nginx.conf",
      user + "daemon off; worker_processes 1; pid " + path + "/pid; error_log " + path +
          "/error.log;\nevents { worker_connections 1024; }\nhttp { access_log off;\n" +
          "client_body_temp_path " + path + "; proxy_temp_path " + path + "; fastcgi_temp_path " +
          path + "; uwsgi_temp_path " + path + "; scgi_temp_path " + path + ";\n" + http + "\n}\n");
}

bool Nginx::ready() {
  for (const uint16_t port : ports_) {
    if (!accepts(port, process_)) return false;
  }
  return true;
}

std::string tcpListener(std::string_view name, std::string_view filter, std::string_view more) {
  return "listeners { name: \"" + std::string(name) + "\" address: \"127.0.0.1:0\" " +
         std::string(more) + "\n  filter_chains { filters { config { " + std::string(filter) +
         " } } } }\n";
}

}  // namespace weir::test
