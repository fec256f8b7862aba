// PostgreSQL through tcp_proxy: its own clients notice nothing.

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/e2e/programs.h"
#include "test/support/configs.h"
#include "test/support/eventually.h"
#include "test/support/weir_process.h"

namespace weir {
namespace {

using test::Command;
using test::Finished;
using ::testing::HasSubstr;

// The folder with initdb and postgres, of the newest version there is.
std::string binaries() {
  std::string newest;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/usr/lib/postgresql", ignored)) {
    if (std::filesystem::exists(entry.path() / "bin/initdb")) newest = entry.path() / "bin";
  }
  return newest;
}

// A cluster of the test's own, without durability, with TLS.
class Postgres {
 public:
  Postgres() : process_(start()) {}
  ~Postgres() {
    process_.signal(SIGQUIT);  // SIGKILL would leave its shared memory behind
    process_.wait();
  }
  uint16_t port() const { return port_; }
  // It accepts connections before that, and refuses to serve them.
  bool ready() { return process_.waitForError("database system is ready to accept connections"); }
  std::string log() const { return process_.err(); }

 private:
  Command start() {
    const std::string data = folder_.file("data");
    ::mkdir(data.c_str(), 0700);
    const test::CertificateAuthority::Pair pair = ca_.issue("db", "DNS:localhost");
    if (test::isRoot()) {
      for (const std::string& file : {data, pair.key}) {
        EXPECT_EQ(::chown(file.c_str(), test::kNobody, test::kNobody), 0);
      }
    }
    const Finished made = test::runToEnd(
        test::asUser(test::kNobody, {binaries() + "/initdb", "-D", data, "-U", "weir", "-A",
                                     "trust", "--no-sync", "--no-locale", "-E", "UTF8"}));
    EXPECT_EQ(made.code, 0) << made.err;
    return test::asUser(
        test::kNobody,
        {binaries() + "/postgres", "-D", data, "-p", std::to_string(port_), "-c",
         "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off", "-c",
         "ssl=on", "-c", "ssl_cert_file=" + pair.certificate, "-c", "ssl_key_file=" + pair.key});
  }

  test::TemporaryFolder folder_;
  test::CertificateAuthority ca_{folder_};
  uint16_t port_ = test::freePort();
  test::ChildProcess process_;
};

class PostgresTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NE(binaries(), "") << "install postgresql";
    ASSERT_TRUE(postgres_.ready()) << postgres_.log();
    ASSERT_NE(weir_.port("db"), 0) << weir_.process().err();
  }

  std::string address(const std::string& more = {}) {
    return "host=127.0.0.1 port=" + std::to_string(weir_.port("db")) +
           " user=weir dbname=postgres connect_timeout=10 " + more;
  }
  Finished psql(const std::string& script, const std::string& more = {}) {
    return test::runToEnd({"psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set",
                           "ON_ERROR_STOP=1", "-c", script, address(more)},
                          std::chrono::seconds(60));
  }
  Finished pgbench(Command arguments) {
    const Command always = {binaries() + "/pgbench",          "-h", "127.0.0.1", "-p",
                            std::to_string(weir_.port("db")), "-U", "weir"};
    arguments.insert(arguments.begin(), always.begin(), always.end());
    arguments.push_back("postgres");
    return test::runToEnd(arguments, std::chrono::seconds(60));
  }

  Postgres postgres_;
  test::WeirProcess weir_{
      test::tcpListener("db", "[network_filters/tcp_proxy] { cluster: \"postgres\" }") +
      test::cluster("postgres", {"127.0.0.1:" + std::to_string(postgres_.port())}) +
      test::runtime()};
};

TEST_F(PostgresTest, QueriesErrorsAndLargeResults) {
  EXPECT_EQ(psql("select 6 * 7").out, "42\n");
  const Finished failed = psql("select 1 / 0");
  EXPECT_NE(failed.code, 0);
  EXPECT_THAT(failed.err, HasSubstr("division by zero"));
  // 16 MiB to the client, then as much from it.
  EXPECT_EQ(psql("select repeat('weir', 4194304)").out.size(), (16u << 20) + 1);
  const test::TemporaryFolder folder;
  std::string rows;
  for (int i = 0; i < 400'000; ++i) rows += std::to_string(i) + "\tthe row of that number\n";
  const std::string file = folder.write("rows", rows);
  EXPECT_EQ(psql("create table rows (id int, text text)").code, 0);
  const Finished copied = psql("\\copy rows from '" + file + "'");
  EXPECT_EQ(copied.code, 0) << copied.err;
  EXPECT_EQ(psql("select count(*), sum(id) from rows").out, "400000|79999800000\n");
}

TEST_F(PostgresTest, TlsBetweenClientAndServerPassesUntouched) {
  EXPECT_EQ(
      psql("select ssl, version from pg_stat_ssl where pid = pg_backend_pid()", "sslmode=require")
          .out,
      "t|TLSv1.3\n");
  EXPECT_EQ(psql("select ssl from pg_stat_ssl where pid = pg_backend_pid()", "sslmode=disable").out,
            "f\n");
}

TEST_F(PostgresTest, ManyClientsAtOnceUnderPgbench) {
  const Finished made = pgbench({"--initialize", "--quiet", "--scale=1"});
  ASSERT_EQ(made.code, 0) << made.err;
  const Finished kept = pgbench({"--client=16", "--jobs=2", "--transactions=50"});
  EXPECT_EQ(kept.code, 0) << kept.err;
  EXPECT_THAT(kept.out, HasSubstr("number of transactions actually processed: 800/800"));
  EXPECT_THAT(kept.out, HasSubstr("number of failed transactions: 0 "));
  // A connection for each transaction.
  const Finished fresh =
      pgbench({"--connect", "--client=8", "--jobs=2", "--transactions=25", "--select-only"});
  EXPECT_EQ(fresh.code, 0) << fresh.err;
  EXPECT_THAT(fresh.out, HasSubstr("number of transactions actually processed: 200/200"));
  // All of them are gone from the server's side as well.
  EXPECT_TRUE(test::eventually([&] {
    return psql("select count(*) from pg_stat_activity where backend_type = 'client backend'")
               .out == "1\n";
  }));
}

TEST_F(PostgresTest, AConnectionThatTheServerEndsEndsForTheClient) {
  const Finished ended = psql("select pg_terminate_backend(pg_backend_pid())");
  EXPECT_EQ(ended.code, 2);
  EXPECT_THAT(ended.err, HasSubstr("terminating connection due to administrator command"));
  EXPECT_EQ(psql("select 1").out, "1\n");
}

}  // namespace
}  // namespace weir
