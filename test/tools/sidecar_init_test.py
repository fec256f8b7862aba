"""tools/sidecar-init in network namespaces of the test's own."""

import ctypes
import os
import shutil
import subprocess
import sys
import unittest

TOOL = "tools/sidecar-init"
PEER = "test/tools/sidecar_peer.py"
APP, PROXY = 1000, 1337
BACKENDS = ("nft", "iptables")
_CLONE_NEWNET = 0x40000000
ROOT = os.geteuid() == 0

libc = ctypes.CDLL(None, use_errno=True)


def enter_new_network():
    if libc.unshare(_CLONE_NEWNET) != 0:
        raise unittest.SkipTest(f"needs leave to make network namespaces: {os.strerror(ctypes.get_errno())}")


def run(*command, **options):
    return subprocess.run([str(word) for word in command], check=False, capture_output=True, text=True, timeout=60, **options)


def tool(*arguments, **options):
    return run(TOOL, *arguments, **options)


def must(*command):
    done = run(*command)
    if done.returncode != 0:
        raise AssertionError(f"{command}: {done.stdout}{done.stderr}")
    return done.stdout


def rules():
    """Everything that could redirect, without comments and what iptables keeps for itself: its built-in chains."""
    nft = [must("nft", "list", *table.split()) for table in must("nft", "list", "tables").splitlines() if not table.endswith((" nat", " mangle"))]
    saved = "".join(must(program, "-t", table) for program in ("iptables-save", "ip6tables-save") for table in ("nat", "mangle"))
    kept = [line for line in saved.splitlines() if line.startswith("-A") or line.startswith(":") and " - " in line]
    routing = [must("ip", version, "rule", "show") + must("ip", version, "route", "show", "table", "all") for version in ("-4", "-6")]
    return "\n".join(nft + kept + routing)


class Printed(unittest.TestCase):
    """Arguments and --print: needs neither root nor namespaces."""

    def refused(self, *arguments):
        done = tool(*arguments)
        self.assertEqual(done.returncode, 2, f"{arguments}: {done.stdout}")
        self.assertEqual(done.stdout, "")
        return done.stderr

    def test_wrong_arguments_are_refused_and_say_what_would_be_right(self):
        for arguments, message in {
            (): "--proxy-uid and --app-uid are missing",
            ("--print",): "--proxy-uid and --app-uid are missing",
            ("--app-uid", "4", "--original-source"): "needs --proxy-uid",
            ("--proxy-uid",): "lacks its value",
            ("--proxy-uid", "no-such-user"): 'no user "no-such-user"',
            ("--proxy-uid", "4294967295"): "goes up to 4294967294",
            ("--proxy-uid", "-5"): 'no user "-5"',
            ("--proxy-uid", "5", "--app-uid", "4,5"): "both 5",
            ("--proxy-uid", "5", "--app-uid", ""): "empty part",
            ("--proxy-uid", "5", "--app-uid", "1,,2"): "empty part",
            ("--proxy-uid", "5", "--outbound-port", "0"): "1 to 65535",
            ("--proxy-uid", "5", "--inbound-port", "65536"): "1 to 65535",
            ("--proxy-uid", "5", "--inbound-port", "80-81"): "1 to 65535",
            ("--proxy-uid", "5", "--inbound-port=15001"): "both 15001",
            ("--proxy-uid", "5", "--exclude-outbound-ports", "80,x"): '"x" is no port',
            ("--proxy-uid", "5", "--exclude-inbound-ports", "90-80"): "ends before it begins",
            ("--proxy-uid", "5", "--include-inbound-ports", "80-"): "is no port",
            ("--proxy-uid", "5", "--include-outbound-ports", "1;2"): "is no port",
            ("--proxy-uid", "5", "--exclude-outbound-cidrs", "10.0.0.0/33"): "length of 0 to 32",
            ("--proxy-uid", "5", "--exclude-outbound-cidrs", "10.0.0/8"): "is no prefix",
            ("--proxy-uid", "5", "--exclude-outbound-cidrs", "10.0.0.256"): "is no prefix",
            ("--proxy-uid", "5", "--exclude-outbound-cidrs", "010.0.0.1"): "is no prefix",
            ("--proxy-uid", "5", "--exclude-outbound-cidrs", "fd00::/129"): "length of 0 to 128",
            ("--proxy-uid", "5", "--exclude-outbound-cidrs", "fd00::1::2"): "is no prefix",
            ("--proxy-uid", "5", "--exclude-outbound-cidrs", "1:2:3:4:5:6:7"): "is no prefix",
            ("--proxy-uid", "5", "--exclude-outbound-cidrs", "example.com"): "is no prefix",
            ("--proxy-uid", "5", "--exclude-outbound-cidrs", "::1;accept"): "is no prefix",
            ("--proxy-uid", "5", "--include-outbound-cidrs", "::/0\n10.0.0.0/8"): "has a blank",
            ("--proxy-uid", "5", "--no-inbound", "--no-outbound"): "nothing to do",
            ("--proxy-uid", "5", "--backend", "ipfw"): "nft or iptables",
            ("--proxy-uid", "5", "--print", "--undo"): "exclude each other",
            ("--proxy-uid", "5", "--frobnicate", "1"): "unknown option --frobnicate",
            ("--proxy-uid", "5", "stray"): 'unexpected argument "stray"',
        }.items():
            with self.subTest(arguments=arguments):
                self.assertIn(message, self.refused(*arguments))

    def test_prefixes_that_are_right_pass(self):
        good = "0.0.0.0/0,10.1.2.3,255.255.255.255/32,::/0,::1,fd00::/8,1:2:3:4:5:6:7:8,2001:db8::a:0/112"
        done = tool("--proxy-uid", 5, "--print", "--backend", "nft", "--exclude-outbound-cidrs", good)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("0.0.0.0/0, 10.1.2.3/32, 255.255.255.255/32 }", done.stdout)
        self.assertIn("::/0, ::1/128, fd00::/8, 1:2:3:4:5:6:7:8/128, 2001:db8::a:0/112 }", done.stdout)

    def test_help_and_print_change_nothing_and_end_well(self):
        self.assertIn("usage: sidecar-init", tool("--help").stdout)
        for backend in BACKENDS:
            done = tool("--proxy-uid", PROXY, "--print", "--ipv6", "--backend", backend)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("15001", done.stdout)
            self.assertIn("15006", done.stdout)

    def test_without_ipv6_no_rule_redirects_it(self):
        self.assertIn("meta nfproto ipv6 return", tool("--proxy-uid", 5, "--print", "--no-ipv6", "--backend", "nft").stdout)
        self.assertNotIn("ip6tables", tool("--proxy-uid", 5, "--print", "--no-ipv6", "--backend", "iptables").stdout)

    @unittest.skipUnless(ROOT, "needs root, to become somebody else")
    def test_somebody_else_is_told_that_root_is_needed(self):
        done = tool("--proxy-uid", PROXY, preexec_fn=lambda: os.setuid(65534))
        self.assertEqual(done.returncode, 1)
        self.assertIn("needs root", done.stderr)


@unittest.skipUnless(ROOT, "needs root, to make network namespaces")
class Rules(unittest.TestCase):
    """What stands in the firewall afterwards."""

    MANY = (
        *("--proxy-uid", PROXY, "--app-uid", f"{APP},0", "--exclude-outbound-ports", "22,8000-8010,8005"),
        *("--exclude-outbound-cidrs", "10.0.0.0/8,10.1.0.0/16,fd00::/8", "--include-outbound-cidrs", "192.0.2.0/24"),
        *("--include-outbound-ports", "80,443", "--exclude-inbound-ports", "22", "--include-inbound-ports", "1-9000"),
        *("--ipv6", "--original-source"),
    )

    def setUp(self):
        enter_new_network()
        must("ip", "link", "set", "lo", "up")
        # Rules of somebody else, which must stay as they are.
        must("iptables", "-t", "nat", "-A", "OUTPUT", "-p", "tcp", "--dport", "9", "-j", "ACCEPT")
        must("ip6tables", "-t", "nat", "-N", "OTHERS")
        must("nft", "add table inet others")
        must("nft", "add chain inet others c { type filter hook input priority 0; }")
        self.before = rules()

    def write(self, *arguments):
        done = tool(*arguments)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        return rules()

    def test_twice_is_the_same_and_undo_leaves_what_was_there(self):
        for backend in BACKENDS:
            with self.subTest(backend=backend):
                once = self.write(*self.MANY, "--backend", backend)
                self.assertNotEqual(once, self.before)
                self.assertEqual(self.write(*self.MANY, "--backend", backend), once)
                self.assertEqual(self.write("--undo"), self.before)
                self.assertEqual(self.write("--undo", "--backend", backend), self.before)

    def test_the_result_depends_on_the_last_options_only(self):
        for backend in BACKENDS:
            with self.subTest(backend=backend):
                for options in (("--no-ipv6", "--no-inbound"), ("--no-ipv6", "--original-source"), ("--no-outbound",)):
                    last = ("--proxy-uid", PROXY, "--backend", backend, *options)
                    fresh = self.write(*last)
                    for before in BACKENDS:
                        self.write(*self.MANY, "--backend", before)
                        self.assertEqual(self.write(*last), fresh)
                    self.assertEqual(self.write("--undo"), self.before)

    def test_undo_of_one_backend_leaves_the_other(self):
        with_nft = self.write(*self.MANY, "--backend", "nft")
        self.assertEqual(self.write("--undo", "--backend", "iptables"), with_nft)
        self.assertEqual(self.write("--undo", "--backend", "nft"), self.before)

    def test_jumps_that_somebody_doubled_are_one_again(self):
        once = self.write("--proxy-uid", PROXY, "--backend", "iptables")
        must("iptables", "-t", "nat", "-A", "OUTPUT", "-p", "tcp", "-j", "WEIR_SIDECAR_OUT")
        self.assertEqual(self.write("--proxy-uid", PROXY, "--backend", "iptables"), once)
        must("iptables", "-t", "nat", "-A", "OUTPUT", "-p", "tcp", "-j", "WEIR_SIDECAR_OUT")
        self.assertEqual(self.write("--undo"), self.before)

    def test_print_shows_what_is_written_and_changes_nothing(self):
        printed = tool(*self.MANY, "--backend", "nft", "--print").stdout
        self.assertEqual(rules(), self.before)
        written = self.write(*self.MANY, "--backend", "nft")
        must("nft", "delete table inet weir_sidecar")
        self.assertEqual(run("nft", "-f", "-", input=printed).returncode, 0)
        self.assertEqual(rules(), written)

    def test_a_backend_that_is_not_there_is_an_error(self):
        folder = os.path.join(os.environ.get("TEST_TMPDIR", "/tmp"), "programs")
        os.makedirs(folder, exist_ok=True)
        for program in ("id", "cat", "grep", "bash"):
            if not os.path.lexists(os.path.join(folder, program)):
                os.symlink(shutil.which(program), os.path.join(folder, program))
        with open(TOOL, encoding="utf-8") as script:
            text = script.read().replace("PATH=$PATH:/usr/sbin:/sbin\n", f"PATH={folder}\n")
        self.assertIn(folder, text)
        for arguments, message in (
            (("--proxy-uid", "5"), "neither nft nor iptables is installed"),
            (("--proxy-uid", "5", "--backend", "nft"), "--backend nft: it is not installed"),
            (("--undo",), "neither nft nor iptables is installed"),
            (("--undo", "--backend", "iptables"), "--backend iptables: it is not installed"),
        ):
            done = run("bash", "-c", text, "sidecar-init", *arguments)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn(message, done.stderr)


def in_background(*command):
    return subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True)  # pylint: disable=consider-using-with


@unittest.skipUnless(ROOT, "needs root, to make network namespaces and connections of several users")
class Traffic(unittest.TestCase):
    """Where connections go: this namespace is 192.0.2.1 and 2001:db8::1, the other one .2 and ::2.

    Servers listen in both: 15001 and 15006 stand for Weir, the others for applications.
    """

    def setUp(self):
        enter_new_network()
        with open(PEER, encoding="utf-8") as peer:
            self.program = peer.read()
        holder = in_background("unshare", "-n", "sleep", "infinity")
        self.stop_later(holder)
        self.other = ("nsenter", f"--net=/proc/{holder.pid}/ns/net")
        self.connect_to(holder)
        for where in ((), self.other):
            server = in_background(*where, sys.executable, PEER, "serve", 15001, 15006, 80, 8080, 22)
            self.stop_later(server)
            self.assertEqual(server.stdout.readline(), "ready\n")

    def stop_later(self, process):
        def stop():
            process.kill()
            process.wait()
            process.stdout.close()

        self.addCleanup(stop)

    def connect_to(self, holder):
        here = os.readlink("/proc/self/ns/net")
        while os.readlink(f"/proc/{holder.pid}/ns/net") == here or not os.readlink(f"/proc/{holder.pid}/exe").endswith("sleep"):
            self.assertIsNone(holder.poll())
        must("ip", "link", "add", "veth0", "type", "veth", "peer", "name", "veth0", "netns", holder.pid)
        for where, host in (((), 1), (self.other, 2)):
            must(*where, "ip", "address", "add", f"192.0.2.{host}/24", "dev", "veth0")
            # Without a search for duplicates, the address serves at once.
            must(*where, "ip", "address", "add", f"2001:db8::{host}/64", "dev", "veth0", "nodad")
            must(*where, "ip", "link", "set", "veth0", "up")
            must(*where, "ip", "link", "set", "lo", "up")

    def dial(self, host, port, user=APP, where=(), source=()):
        """What the other end said, or the error; where it came from only when `source` is given."""
        become = ("setpriv", "--reuid", user, "--clear-groups", "--inh-caps", "+net_admin", "--ambient-caps", "+net_admin")
        # The program goes as text: another user may not be able to read where this test lives.
        done = run(*where, *become, sys.executable, "-S", "-c", self.program, "dial", host, port, *source)
        answer = done.stdout.strip() or done.stderr.strip().rsplit("\n", maxsplit=1)[-1]
        return answer if source else answer.split(" from ")[0]

    def expect(self, table):
        for (where, user, host, port), expected in table.items():
            with self.subTest(where=where, user=user, host=host, port=port):
                self.assertEqual(self.dial(host, port, user, self.other if where == "there" else ()), expected)

    def write(self, *arguments):
        done = tool("--proxy-uid", PROXY, *arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_each_direction_goes_through_the_proxy_and_keeps_its_destination(self):
        for backend in BACKENDS:
            self.write("--backend", backend)
            self.expect(
                {
                    ("here", APP, "192.0.2.2", 8080): "15001 192.0.2.2:8080",
                    ("here", APP, "2001:db8::2", 80): "15001 [2001:db8::2]:80",
                    ("here", 0, "192.0.2.2", 22): "15001 192.0.2.2:22",
                    ("here", PROXY, "192.0.2.2", 8080): "8080 direct",
                    ("here", PROXY, "2001:db8::2", 8080): "8080 direct",
                    ("there", APP, "192.0.2.1", 8080): "15006 192.0.2.1:8080",
                    ("there", APP, "2001:db8::1", 22): "15006 [2001:db8::1]:22",
                }
            )

    def test_an_application_that_calls_its_own_host_stays_direct(self):
        for backend in BACKENDS:
            self.write("--backend", backend)
            table = {}
            for user in (APP, PROXY):
                for host in ("127.0.0.1", "192.0.2.1", "::1", "2001:db8::1"):
                    table[("here", user, host, 8080)] = "8080 direct"
            self.expect(table)

    def test_excluded_and_included(self):
        for backend in BACKENDS:
            self.write(
                *("--backend", backend, "--app-uid", f"{APP},1001", "--exclude-outbound-ports", "22-23"),
                *("--include-outbound-ports", "22,80", "--exclude-inbound-ports", "22", "--include-inbound-ports", "22,80"),
                *("--include-outbound-cidrs", "192.0.2.0/24"),
            )
            self.expect(
                {
                    ("here", APP, "192.0.2.2", 80): "15001 192.0.2.2:80",
                    ("here", 1001, "192.0.2.2", 80): "15001 192.0.2.2:80",
                    ("here", 1002, "192.0.2.2", 80): "80 direct",
                    ("here", APP, "192.0.2.2", 22): "22 direct",
                    ("here", APP, "192.0.2.2", 8080): "8080 direct",
                    ("here", APP, "2001:db8::2", 80): "80 direct",
                    ("there", APP, "192.0.2.1", 80): "15006 192.0.2.1:80",
                    ("there", APP, "192.0.2.1", 22): "22 direct",
                    ("there", APP, "192.0.2.1", 8080): "8080 direct",
                }
            )
            self.assertEqual(tool("--backend", backend, "--app-uid", APP).returncode, 0)
            self.expect(
                {
                    ("here", APP, "192.0.2.2", 80): "15001 192.0.2.2:80",
                    ("here", PROXY, "192.0.2.2", 80): "80 direct",
                    ("there", APP, "192.0.2.1", 22): "15006 192.0.2.1:22",
                }
            )
            self.write("--backend", backend, "--exclude-outbound-cidrs", "192.0.2.2,2001:db8::/32")
            self.expect(
                {
                    ("here", APP, "192.0.2.2", 80): "80 direct",
                    ("here", APP, "2001:db8::2", 80): "80 direct",
                }
            )

    def test_one_direction_alone_and_without_ipv6(self):
        for backend in BACKENDS:
            self.write("--backend", backend, "--no-inbound", "--outbound-port", "15006", "--inbound-port", "1", "--no-ipv6")
            self.expect(
                {
                    ("here", APP, "192.0.2.2", 80): "15006 192.0.2.2:80",
                    ("here", APP, "2001:db8::2", 80): "80 direct",
                    ("there", APP, "192.0.2.1", 80): "80 direct",
                }
            )
            self.write("--backend", backend, "--no-outbound")
            self.expect(
                {
                    ("here", APP, "192.0.2.2", 80): "80 direct",
                    ("there", APP, "192.0.2.1", 80): "15006 192.0.2.1:80",
                }
            )

    def test_the_proxy_may_come_from_its_clients_address(self):
        for backend in BACKENDS:
            self.write("--backend", backend, "--original-source")
            for host, source in (("192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8::2")):
                self.assertEqual(self.dial(host, 8080, PROXY, source=(source,)), f"8080 direct from {source}")
            # Others are redirected as ever.
            self.expect(
                {
                    ("here", APP, "192.0.2.2", 8080): "15001 192.0.2.2:8080",
                    ("there", APP, "192.0.2.1", 8080): "15006 192.0.2.1:8080",
                }
            )

    def test_undo_ends_redirection(self):
        for backend in BACKENDS:
            self.write("--backend", backend)
            self.assertEqual(self.dial("192.0.2.2", 80), "15001 192.0.2.2:80")
            self.assertEqual(tool("--undo").returncode, 0)
            self.assertEqual(self.dial("192.0.2.2", 80), "80 direct")
            self.assertEqual(self.dial("192.0.2.1", 80, where=self.other), "80 direct")


if __name__ == "__main__":
    unittest.main()
