#!/bin/bash
# Makes the captures beside it, as root, with tcpdump: two hosts and a router between them, a - r - b,
# each a network namespace. goldens.pcap is not made here: it holds the datagrams of
# crates/wire/tests/golden as they are.
set -eu
out=$(realpath "${1:-.}")
id=dump$$
a=$id-a r=$id-r b=$id-b
trap 'for n in $a $r $b; do ip netns del $n 2>/dev/null || true; done' EXIT
for n in $a $r $b; do ip netns add $n; ip -n $n link set lo up; done
ip link add name l netns $a type veth peer name l netns $r
ip link add name m netns $r type veth peer name m netns $b
for x in $a:l $r:l $r:m $b:m; do ip netns exec ${x%%:*} ethtool -K ${x##*:} tx off rx off tso off gso off gro off >/dev/null 2>&1 || true; done
ip netns exec $r sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
for n in $a $r $b; do ip netns exec $n sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0 net.ipv6.conf.l.accept_dad=0 net.ipv6.conf.m.accept_dad=0 2>/dev/null || true; done
ip -n $a link set dev l address 02:00:00:00:00:0a
ip -n $r link set dev l address 02:00:00:00:00:1a
ip -n $r link set dev m address 02:00:00:00:00:1b
ip -n $b link set dev m address 02:00:00:00:00:0b
ip -n $a addr add 192.0.2.1/25 dev l; ip -n $r addr add 192.0.2.2/25 dev l
ip -n $r addr add 192.0.2.129/25 dev m; ip -n $b addr add 192.0.2.130/25 dev m
ip -n $a addr add 2001:db8:a::1/64 dev l nodad; ip -n $r addr add 2001:db8:a::2/64 dev l nodad
ip -n $r addr add 2001:db8:b::1/64 dev m nodad; ip -n $b addr add 2001:db8:b::2/64 dev m nodad

capture() { # file, options... ; then commands on stdin run in a
  local file=$1; shift
  ip netns exec ${at:-$a} tcpdump --immediate-mode -q -n -U "$@" -w $out/$file 2>$out/log & local pid=$!
  for i in $(seq 100); do grep -q listening $out/log 2>/dev/null && break; sleep 0.05; done
  ip netns exec $a bash -s || true
  sleep 0.6
  kill -INT $pid; wait $pid || true
  rm -f $out/log
}

ip -n $r link set dev l up; ip -n $r link set dev m up; ip -n $b link set dev m up
at=$r capture neighbours.pcap -i l <<X
ip link set dev l up; sleep 3.5; ping -nq -c1 192.0.2.2; ping -nq -c1 2001:db8:a::2
X
ip -n $a route add default via 192.0.2.2; ip -n $a -6 route add default via 2001:db8:a::2
ip -n $b route add default via 192.0.2.129; ip -n $b -6 route add default via 2001:db8:b::1
ip netns exec $a ping -nq -c1 192.0.2.130 >/dev/null; ip netns exec $a ping -nq -c1 2001:db8:b::2 >/dev/null

cat > $out/server.py <<'P'
import socket,sys,threading
def serve(family):
    s=socket.socket(family); s.setsockopt(socket.SOL_SOCKET,socket.SO_REUSEADDR,1)
    if family==socket.AF_INET6: s.setsockopt(socket.IPPROTO_IPV6,socket.IPV6_V6ONLY,1)
    s.bind(('',7777)); s.listen()
    while True:
        c,_=s.accept(); n=0
        while True:
            d=c.recv(65536)
            if not d: break
            n+=len(d)
            if d.endswith(b'?\n'): c.sendall(b'yes '*100)
        c.sendall(b'%d\n'%n); c.close()
def datagrams(family):
    s=socket.socket(family,socket.SOCK_DGRAM)
    if family==socket.AF_INET6: s.setsockopt(socket.IPPROTO_IPV6,socket.IPV6_V6ONLY,1)
    s.bind(('',7777))
    while True:
        d,f=s.recvfrom(65536); s.sendto(d.upper(),f)
for f in (socket.AF_INET,socket.AF_INET6):
    for g in (serve,datagrams): threading.Thread(target=g,args=(f,),daemon=True).start()
sys.stdin.read()
P
mkfifo $out/stop; ip netns exec $b python3 $out/server.py <$out/stop & 
exec 9>$out/stop; sleep 0.6
tcp() { cat <<X
python3 - <<'P'
import socket,time
s=socket.socket(socket.$1); s.connect(('$2',7777))
s.sendall(b'is anybody there?\n'); s.recv(1000); time.sleep(0.4)
s.sendall(b'x'*$3); s.shutdown(1); s.recv(100); s.close()
P
X
}
tcp AF_INET 192.0.2.130 3000 | capture tcp-v4.pcap -i l host 192.0.2.130
tcp AF_INET6 2001:db8:b::2 2000 | capture tcp-v6.pcap -i l host 2001:db8:b::2
tcp AF_INET 192.0.2.130 300 | capture tcp-cut.pcap -i l -s 60 host 192.0.2.130
ip netns exec $r nft -f - <<'X'
table inet t {
  chain c {
    type filter hook forward priority 0;
    tcp dport 7777 meta length > 1000 numgen inc mod 13 { 5, 9 } counter drop
  }
}
X
tcp AF_INET 192.0.2.130 40000 | capture retransmission.pcap -i l -s 96 host 192.0.2.130
ip netns exec $r nft delete table inet t
capture reset.pcap -i l tcp <<'X'
python3 - <<'P'
import socket,struct
s=socket.socket()
try: s.connect(('192.0.2.130',7778))
except OSError: pass
s=socket.socket(); s.connect(('192.0.2.130',7777)); s.sendall(b'abc')
s.send(b'!',socket.MSG_OOB)
s.setsockopt(socket.SOL_SOCKET,socket.SO_LINGER,struct.pack('ii',1,0)); s.close()
s=socket.socket(socket.AF_INET6)
try: s.connect(('2001:db8:b::2',7778))
except OSError: pass
P
X
ip netns exec $a sysctl -qw net.ipv4.tcp_ecn=1 net.ipv4.tcp_fastopen=3
capture tcp-ecn.pcap -i l tcp <<'X'
python3 - <<'P'
import socket
s=socket.socket(); s.sendto(b'hello',0x20000000,('192.0.2.130',7777)); s.shutdown(1); s.recv(9); s.close()
P
X
capture udp.pcap -i l not arp and not net fe80::/10 <<'X'
python3 - <<'P'
import socket,time
for f,to in ((socket.AF_INET,'192.0.2.130'),(socket.AF_INET6,'2001:db8:b::2')):
    s=socket.socket(f,socket.SOCK_DGRAM); s.connect((to,7777)); s.send(b'hello'); s.recv(99)
    s=socket.socket(f,socket.SOCK_DGRAM); s.connect((to,7779)); s.send(b'anybody?'*20); time.sleep(.1)
    s=socket.socket(f,socket.SOCK_DGRAM); s.setsockopt(socket.SOL_SOCKET,socket.SO_NO_CHECK if hasattr(socket,'SO_NO_CHECK') else 11,1)
    s.connect((to,7777)); s.send(b'')
P
X
capture icmp.pcap -i l not arp and not net fe80::/10 <<'X'
ping -nq -c2 -i0.2 192.0.2.130; ping -nq -c2 -i0.2 2001:db8:b::2
ping -nq -c1 -W1 -t1 192.0.2.130; ping -nq -c1 -W1 -t1 2001:db8:b::2
ping -nq -c1 -W1 198.51.100.1; ping -nq -c1 -W1 2001:db8:c::1
ping -nq -c1 -W1 -s 2 192.0.2.130
X
ip -n $r link set dev m mtu 1300
capture too-big.pcap -i l not arp and not net fe80::/10 <<'X'
ping -nq -c1 -W1 -s1400 -M do 192.0.2.130; ping -nq -c1 -W1 -s1400 -M do 2001:db8:b::2
X
ip -n $r link set dev m mtu 1500
ip -n $r route add prohibit 203.0.113.0/24; ip -n $r -6 route add prohibit 2001:db8:d::/64
ip -n $r route add blackhole 203.0.114.0/24
capture refused.pcap -i l not arp and not net fe80::/10 <<'X'
ping -nq -c1 -W1 203.0.113.1; ping -nq -c1 -W1 2001:db8:d::1
ping -nq -c1 -W4 192.0.2.140; ping -nq -c1 -W4 2001:db8:b::44
python3 - <<'P'
import socket
for f,to,p in ((socket.AF_INET,'192.0.2.130',199),(socket.AF_INET6,'2001:db8:b::2',199)):
    s=socket.socket(f,socket.SOCK_RAW,p); s.sendto(b'protocol 199',(to,0))
P
X
capture fragments.pcap -s 128 -i l not arp and not net fe80::/10 <<'X'
ping -nq -c1 -W1 -s3000 192.0.2.130; ping -nq -c1 -W1 -s3000 2001:db8:b::2
python3 - <<'P'
import socket
for f,to in ((socket.AF_INET,'192.0.2.130'),(socket.AF_INET6,'2001:db8:b::2')):
    s=socket.socket(f,socket.SOCK_DGRAM); s.connect((to,7777)); s.send(b'x'*2000); s.recv(9999)
P
X
capture options.pcap -i l not arp and not net fe80::/10 <<'X'
ping -nq -c1 -W1 -R 192.0.2.130; ping -nq -c1 -W1 -T tsonly 192.0.2.130; ping -nq -c1 -W1 -T tsandaddr 192.0.2.130
ping -nq -c1 -W1 -Q 0x2e 192.0.2.130; ping -nq -c1 -W1 -Q 3 -F 0x12345 2001:db8:b::2
X
capture any.pcap -i any not net fe80::/10 <<'X'
ping -nq -c1 192.0.2.130; ping -nq -c1 2001:db8:b::2; ping -nq -c1 127.0.0.1
X
capture cooked.pcap -i any -y LINUX_SLL not net fe80::/10 <<'X'
ping -nq -c1 192.0.2.130; ping -nq -c1 2001:db8:b::2; ping -nq -c1 127.0.0.1
X
exec 9>&-; rm -f $out/stop $out/server.py
