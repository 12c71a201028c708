//! Help in Chinese: the texts of options, by command and option. What has none stays English, which
//! is the text at the option itself.

use crate::command;
use crate::lang::Language;

/// Option and text; an option of several commands may have another text in each.
type Texts = &'static [(&'static str, &'static str)];

/// The options of every command.
const COMMON: Texts = &[
    ("json", "每行一个 JSON 对象"),
    ("csv", "逗号分隔的值，带标题行"),
    ("lab", "走场景文件里的网络，而不是真实的网络"),
    ("from", "在实验网络的哪个节点上运行"),
    ("seed", "一切随机数的种子：种子相同，实验网络的运行也相同"),
    (
        "capture",
        "把进入实验网络链路的包写进这个 pcapng 文件，注释说明每个包的下场；链路=文件：只写一条链路",
    ),
    ("color", "何时用颜色：auto、always、never"),
    ("lang", "给人看的语言，en 或 zh；不给则按环境变量"),
];

/// The headings over options.
const HEADINGS: Texts = &[
    ("Everywhere", "通用"),
    ("When", "何时"),
    ("Files", "文件"),
    ("What", "问什么"),
    ("Where from", "从哪里"),
    ("Output", "输出"),
    ("Pictures", "图"),
    ("Connections", "连接"),
];

const CLOCK: Texts = &[
    ("targets", "要问的主机：地址、名字、前缀（192.0.2.0/28）、范围（192.0.2.1-20）；- 为标准输入"),
    ("v4", "只用 IPv4"),
    ("v6", "只用 IPv6"),
    ("all_addresses", "问一个名字的所有地址，而不只是第一个"),
    ("via", "怎么问：icmp、daytime、time、ntp，可用逗号隔开几种"),
    ("tcp", "daytime 和 time 直接用 TCP，而不只在 UDP 无应答时用"),
    ("watch", "跟踪去程和回程时延的变化，直到被中断或 -c 次"),
    ("count", "每个目标问几次 [默认：icmp 20 次，daytime 和 time 8 次，ntp 4 次]"),
    ("interval", "两次询问的间隔 [默认：icmp 100ms，ntp 2s；--watch 时为 1s 和 16s]"),
    ("timeout", "等一个应答最多多久"),
    ("interface", "从这个接口或 VRF 发送；给地址则同 --source"),
    ("source", "源地址"),
    ("access", "UDP 的套接字：raw、datagram 或 auto（datagram）；ICMP 时间戳总用 raw"),
    ("quiet", "只显示综合的结果"),
];

const PING: Texts = &[
    ("targets", "要问的主机：地址、名字、前缀（192.0.2.0/24）、范围（192.0.2.1-20）；- 为标准输入"),
    ("file", "从文件读目标，每行一个或多个；- 为标准输入"),
    ("v4", "只用 IPv4"),
    ("v6", "只用 IPv6"),
    ("all_addresses", "问一个名字的所有地址，而不只是第一个"),
    ("reverse", "显示应答者地址的名字"),
    ("numeric", "只显示地址；没有 --reverse 时就是这样"),
    ("count", "每个目标探测这么多次后停止"),
    ("interval", "对同一目标两次探测的间隔：10ms、1s"),
    ("gap", "对不同目标两次探测的最小间隔 [默认：1ms]"),
    ("timeout", "多久没有应答算丢失；0 为一直等"),
    ("deadline", "到这个时间就结束，不管还缺什么"),
    ("until", "连续 N 个应答（up:N）或 N 个丢失（down:N）后停止"),
    ("preload", "开始时一次发出这么多探测"),
    ("adaptive", "上一个有了应答就发下一个"),
    ("flood", "应答多快就发多快；也允许本来嫌太快的设置"),
    ("batch", "成批交给系统发送：每秒更多，时间不那么准"),
    ("kind", "探测的种类"),
    ("size", "数据的字节数"),
    ("pattern", "用什么填充数据：counting（递增）、random（随机）或十六进制字节"),
    ("record_route", "让路由器把地址写进首部（IPv4，最多九个）"),
    ("timestamp_option", "让路由器把地址和时间写进首部（IPv4，最多四个）"),
    ("timestamp_form", "同上，形式为 tsonly、tsandaddr 或 tsprespec=地址,...（IPv4）"),
    ("source_route", "途中要经过的路由器（IPv4）"),
    ("strict", "只经过 --source-route 的路由器"),
    ("ttl", "TTL，即跳数限制"),
    ("tos", "TOS 字节，即流量类别"),
    ("dscp", "DSCP，数字或名字：46、ef、af41、cs5、le"),
    ("flow_label", "IPv6 流标签"),
    ("fragment", "路径 MTU：want（发现）、do（不分片）、dont（不设 DF）、probe（总设 DF）"),
    ("identifier", "探测的标识符"),
    ("interface", "从这个接口或 VRF 发送；给地址则同 --source"),
    ("source", "源地址"),
    ("sticky_source", "路由变了也保持开始时的源地址"),
    ("mark", "防火墙标记"),
    ("direct", "只发给直连的网络，不查路由表"),
    ("broadcast", "允许广播地址作目标"),
    ("no_loopback", "不收自己的多播"),
    ("access", "套接字：raw、datagram 或 auto（能用 raw 就用）"),
    ("send_buffer", "发送缓冲区的字节数"),
    ("debug", "在套接字上设 SO_DEBUG"),
    ("user_clock", "只用本程序的时钟计时，不用内核的时间戳"),
    ("quiet", "只要总结"),
    ("verbose", "每个应答多说一些；两次：也显示发送和在途的"),
    ("hints", "由应答的 TTL 猜测目标有多远、是什么系统"),
    ("timestamps", "每行前面加时间"),
    ("outstanding", "发下一个探测时就说上一个没有应答，不等超时"),
    ("audible", "每个应答响铃"),
    ("precision", "毫秒时间的小数位数；6 位即纳秒"),
];

const UP: Texts = &[
    ("targets", "地址、前缀（192.0.2.0/24）、范围（192.0.2.1-20）、名字；- 为标准输入"),
    ("file", "还从文件读目标；- 为标准输入"),
    ("ok", "有应答的写进文件而不显示，每行一个"),
    ("no", "无应答的写进文件而不显示，每行一个"),
    ("rate", "每秒的包数（500、10k）、每秒的比特数（10mbit）或 max"),
    ("retries", "没有应答的目标再问几次"),
    ("timeout", "第一个探测等应答多久"),
    ("backoff", "以后每个探测等多少倍的时间"),
    ("deadline", "到这个时间就结束，不管还缺什么"),
    ("size", "数据的字节数"),
    ("kind", "探测的种类"),
    ("ipv4", "只用 IPv4"),
    ("ipv6", "只用 IPv6"),
    ("all_addresses", "问一个名字的所有地址，而不只是第一个"),
    ("whole_prefixes", "也问 IPv4 前缀的网络地址和广播地址"),
    ("interface", "从这个接口发送"),
    ("source", "源地址"),
    ("ttl", "探测的 TTL，即跳数限制"),
    ("progress", "何时在标准错误上显示进度；auto 为两个输出都是终端时"),
    ("quiet", "只要总计，不要名单"),
];

const TRACE: Texts = &[
    ("targets", "到哪里：地址、名字、前缀（192.0.2.0/28）、范围（192.0.2.1-20）；- 为标准输入"),
    ("file", "从文件读目标，每行一个或多个；- 为标准输入"),
    ("v4", "只用 IPv4"),
    ("v6", "只用 IPv6"),
    ("all_addresses", "追踪一个名字的所有地址，而不只是第一个"),
    ("kind", "怎样问各跳"),
    ("classic", "像经典的 traceroute：UDP，端口递增，因此每个探测可能走不同的路"),
    ("mtu", "然后像 askway mtu 那样测量路有多宽"),
    ("paths", "一个流一个流地找出所有负载均衡的路径"),
    ("confidence", "用 --paths 时：有多大把握不漏掉路由器的一个分支，95 或 99 %"),
    ("port", "目标的端口，用 --classic 时是第一个 [默认：33434，TCP 为 80]"),
    ("size", "数据的字节数 [默认：32]"),
    ("tos", "TOS 字节，即流量类别"),
    ("dscp", "DSCP，数字或名字：46、ef、af41、cs5、le"),
    ("first_hop", "从第几跳问起"),
    ("max_hops", "问到第几跳为止"),
    ("queries", "每跳几个探测"),
    ("timeout", "一个探测最多等多久，之后算沉默"),
    ("patience", "最后一次有消息之后多久，就认定路的末端沉默"),
    ("gap", "两次探测的最小间隔 [默认：一个目标为 0，多个为 1ms]"),
    ("in_flight", "一条路上同时有几个探测没有应答"),
    ("roads", "同时追踪几条路"),
    ("share_hops", "几条路共有的跳只问一次：auto（16个目标起）、always、never"),
    ("interface", "从这个接口或 VRF 发送；给地址则同 --source"),
    ("source", "源地址"),
    ("source_port", "源端口，或 ICMP 标识符"),
    ("mark", "防火墙标记"),
    ("access", "套接字：raw、datagram 或 auto（能用 raw 就用）"),
    (
        "format",
        "结果的格式：human、json、csv、atlas（RIPE Atlas）、text（纯文本，便于粘贴）；用 --paths 时还有 dot（Graphviz）、svg",
    ),
    ("numeric", "只显示地址，不问名字"),
    ("asn", "显示自治系统号，取自系统里的数据库"),
    ("asn_db", "显示自治系统号，取自这个文件，格式为 MaxMind DB，如 GeoLite2-ASN.mmdb"),
    (
        "asn_dns",
        "显示自治系统号，通过 DNS 问 Team Cymru，它会得知各跳的公网地址；问这个服务器 [默认：系统的服务器]",
    ),
    ("quiet", "只说每条路的结果"),
];

const MTU: Texts = &[
    ("targets", "到哪里：地址、名字、前缀（192.0.2.0/28）、范围（192.0.2.1-20）；- 为标准输入"),
    ("v4", "只用 IPv4"),
    ("v6", "只用 IPv6"),
    ("all_addresses", "测量到一个名字的所有地址，而不只是第一个"),
    ("max", "最大试到多大的 IP 数据报"),
    ("kind", "怎样问：icmp（往返）或 udp（去程）[默认：两者，视需要]"),
    ("port", "目标的 UDP 端口，那里不该有人监听"),
    ("max_hops", "问到第几跳为止"),
    ("timeout", "一个应答最多等多久，之后再试"),
    ("deadline", "每种方式对一条路最多测多久"),
    ("interface", "从这个接口或 VRF 发送；给地址则同 --source"),
    ("source", "源地址"),
    ("mark", "防火墙标记"),
    ("access", "套接字：raw、datagram 或 auto（能用 raw 就用）"),
    ("numeric", "只显示地址，不问名字"),
    ("quiet", "只说每条路有多宽"),
];

const TFTP: Texts = &[
    ("verb", "get（取文件）或 put（放文件）"),
    ("host", "服务器：HOST、HOST:PORT 或 [IPv6]:PORT"),
    ("file", "get：服务器上的文件名；put：这里的文件，- 为标准输入"),
    ("remote", "put：服务器上的文件名 [默认：同这里的名字]"),
    ("v4", "只用 IPv4"),
    ("v6", "只用 IPv6"),
    ("port", "服务器的端口，同 HOST:PORT [默认：69]"),
    ("output", "get：写到这个文件，- 为标准输出 [默认：其名字的最后一段]"),
    ("directory", "get：只写到这个目录里 [默认：当前目录]"),
    ("force", "get：替换已有的文件"),
    ("max_size", "get：不取比这更大的文件：字节数，或带 k、M、G、KiB、MiB、GiB"),
    ("mode", "文件的字节怎样传：octet（原样）或 netascii（文本行）"),
    ("blksize", "请求每块这么多字节"),
    ("windowsize", "请求每个确认这么多块"),
    ("timeout", "请服务器过这么多秒重发 [默认：随它]"),
    ("rollover", "65535 之后的块号：0，或对不再用 0 的服务器为 1"),
    ("no_options", "不请求任何选项：每块 512 字节，一次一块"),
    ("retransmit", "何时重发：adaptive（按往返时间）、fixed:时间 或 exponential:时间"),
    ("retries", "连续重发几次 [默认：adaptive 5、fixed 4、exponential 3]"),
    ("unconnected", "听不到 ICMP 差错，像套接字没有连接的程序"),
    ("dally", "get：最后的确认丢失时，多久之内补发 [默认：服务器的超时，或 1 秒]"),
    ("deadline", "到这个时间就放弃，不管还缺什么"),
    ("interface", "从这个接口或 VRF 发送；给地址则同 --source"),
    ("source", "源地址"),
    ("mark", "防火墙标记"),
    ("quiet", "没有进度，只说结果"),
];

const MASK: Texts = &[
    ("targets", "问谁：主机或广播地址；不给则问每个接口的广播地址"),
    ("v4", "只用 IPv4：只有它有这样的掩码"),
    ("v6", "被拒绝：IPv6 没有这样的掩码"),
    ("wait", "每次提问后等应答多久"),
    ("retries", "没有人应答的目标再问几次"),
    ("deadline", "到这个时间就结束，不管还缺什么"),
    ("interface", "从这个接口提问；不给目标时只问它的广播地址"),
    ("source", "源地址：本机的一个地址；在实验网络里还可以是 0.0.0.0"),
    ("quiet", "只要总结"),
];

const ROUTERS: Texts = &[
    ("interfaces", "在这个接口上找；可以多次给出 [默认：每个启用的多播接口]"),
    ("v4", "只找 IPv4 路由器"),
    ("v6", "只找 IPv6 路由器"),
    ("wait", "每次提问后等通告多久"),
    ("retries", "没有路由器应答的接口再问几次"),
    ("deadline", "到这个时间就结束，不管还缺什么"),
    ("listen", "什么也不问，只听，直到被中断或到 --deadline"),
    ("broadcast", "向 255.255.255.255 询问 IPv4 路由器，而不是 224.0.0.2"),
    ("quiet", "每个接口只要总结"),
];

const EXPLAIN: Texts = &[
    (
        "what",
        "类型和代码（3/4）、名字、errno、十六进制的分组，或tcpdump、ping、traceroute的一行；- 为标准输入；不给则列出全部",
    ),
    ("v4", "IPv4的ICMP"),
    ("v6", "ICMPv6"),
];

const WATCH: Texts = &[
    ("targets", "到哪里：地址、名字、前缀（192.0.2.0/28）、范围（192.0.2.1-20）；- 为标准输入"),
    ("file", "从文件读目标，每行一个或多个；- 为标准输入"),
    ("v4", "只用 IPv4"),
    ("v6", "只用 IPv6"),
    ("all_addresses", "观察到一个名字的所有地址的路，而不只是第一个"),
    ("kind", "怎样问各跳 [默认：icmp，不允许时用 udp]"),
    ("port", "目标的端口 [默认：33434，TCP 为 80]"),
    ("size", "数据的字节数 [默认：32]"),
    ("tos", "TOS 字节，即流量类别"),
    ("dscp", "DSCP，数字或名字：46、ef、af41、cs5、le"),
    ("interval", "一轮到下一轮的时间；一轮问每跳一次"),
    ("count", "这么多轮之后结束 [默认：不结束；报告为 10]"),
    ("first_hop", "从第几跳问起"),
    ("max_hops", "问到第几跳为止"),
    ("timeout", "一个探测等多久，之后算沉默"),
    ("speed", "回放或实验网络快多少倍；不用实时界面时实验网络从不等待"),
    ("interface", "从这个接口或 VRF 发送；给地址则同 --source"),
    ("source", "源地址"),
    ("source_port", "源端口，或 ICMP 标识符"),
    ("mark", "防火墙标记"),
    ("access", "套接字：raw、datagram 或 auto（能用 raw 就用）"),
    ("report", "不用实时界面，而在结束时像 mtr 那样逐行列出；没有终端时就是这样"),
    ("wide", "名字不截断的报告"),
    ("order", "各列的顺序，每列一个字母；空格分隔"),
    ("both", "名字和地址都显示"),
    ("numeric", "只显示地址，不问名字"),
    ("asn", "显示自治系统号，取自系统里的数据库"),
    ("asn_db", "显示自治系统号，取自这个文件，格式为 MaxMind DB，如 GeoLite2-ASN.mmdb"),
    (
        "asn_dns",
        "显示自治系统号，通过 DNS 问 Team Cymru，它会得知各跳的公网地址；问这个服务器 [默认：系统的服务器]",
    ),
    ("intervals", "每个丢失率都带真实值的范围"),
    ("record", "把得知的一切写进文件，以便回放"),
    ("replay", "回放录下的文件，什么也不发送"),
];

const GATEWAY: Texts = &[
    (
        "inside",
        "内侧的 TUN 设备（在命名的网络命名空间里，或就在这里）和网关在那里的地址；设备得到下一个地址",
    ),
    ("outside", "外侧同上：内侧的一切共用的地址"),
    (
        "personality",
        "怎样转换：linux、bcp127、full-cone、restricted、port-restricted、symmetric、cgnat",
    ),
    ("forwards", "由内侧的谁应答外侧地址的一个端口"),
    ("limit", "最多记住多少个连接"),
    ("mtu_bytes", "两侧最大的分组，字节"),
    ("fast", "像网卡那样收发代表许多分组的大分组"),
    ("events", "连接出现、变化、消失时显示"),
    ("why", "逐个钩子显示每个分组的经历"),
    ("table", "结束时显示所有连接"),
    ("stats", "结束时显示计数"),
];

const LAB: Texts = &[
    ("file", "场景文件"),
    ("at", "命令在哪个节点的位置上运行；不给则为场景的 from"),
    ("command", "要运行的命令和它的参数"),
    ("files", "场景文件"),
    ("name", "哪个例子；不给则列出所有例子"),
    ("format", "怎样画：text、svg、dot、json，或 toml（场景原文）"),
    ("ascii", "只用 ASCII 字符画"),
    ("verbose", "也显示地址"),
    ("time", "命令结束后，实验网络再运行多久"),
    ("conntrack", "结束时和收到 SIGQUIT 时显示一个路由器跟踪的连接；all 为所有路由器"),
    ("events", "连接出现、变化、消失时显示"),
    ("why", "逐个钩子显示每个分组在跟踪连接的路由器那里的经历"),
    ("stats", "结束时显示计数"),
    ("fast", "设备像网卡那样收发代表许多分组的大分组"),
    ("tuns", "把节点接到这个名字的 TUN 设备：节点=名字"),
];

const MAN: Texts =
    &[("subject", "哪条命令的手册页 [默认：askway 本身的]"), ("all", "把所有手册页写进这个目录")];

const COMPLETIONS: Texts = &[("shell", "哪种 shell")];

const SOCKETS: Texts = &[
    ("v4", "只看 IPv4 套接字"),
    ("v6", "只看 IPv6 套接字，包括其中使用 IPv4 的"),
    ("all", "所有状态的套接字 [默认：连接，不含 time-wait 和 syn-recv]"),
    ("listening", "只看监听的套接字；与 --all 同用时为全部"),
    (
        "state",
        "状态，用逗号分隔：established、syn-sent、syn-recv、fin-wait-1、fin-wait-2、time-wait、\
         closed、close-wait、last-ack、listen、closing；all、connected、synchronized",
    ),
    ("local", "本端：地址或前缀、:端口，或两者：192.0.2.0/24:80、[2001:db8::1]:80"),
    ("peer", "对端，写法相同"),
    ("port", "任一端的端口"),
    ("tcp", "TCP 套接字；这里没有别的"),
    ("advice", "不列出，而说可能有什么问题、怎样解决"),
    ("totals", "不列出，而说每种状态有多少个"),
    ("info", "每个套接字的第二行：窗口、往返时间、重传、速率"),
    ("extended", "也显示每个套接字的用户和 inode"),
    ("processes", "持有每个套接字的进程，能看到的都显示"),
    ("sort", "最大的在前：rtt、retrans、recv-q、send-q、cwnd"),
    ("numeric", "地址和端口用数字；这里没有名字"),
];

const DUMP: Texts = &[
    ("filter", "看什么，用 tcpdump 的说法：icmp、host A、tcp port 80……，还有 quotes 过滤式"),
    ("interface", "监听的接口；any 为所有接口 [默认：所有]"),
    ("read", "从这个文件（pcap 或 pcapng）读，而不是从网络；- 为标准输入"),
    ("count", "这么多分组之后结束"),
    ("snaplen", "每个分组最多保留多少字节"),
    ("direction", "只要到达的（in）或离开的（out）"),
    ("no_promiscuous", "不让接口接收给别人的分组"),
    ("buffer", "内核里最多有多少等着被读"),
    ("write", "把分组写进这个文件，格式为 pcapng，名字以 .pcap 结尾则为 pcap；- 为标准输出"),
    ("print", "写文件时也显示分组"),
    ("time", "时间：-t 没有，-tt 自1970年的秒，-ttt 距上一个分组，-tttt 带日期，-ttttt 距第一个"),
    ("nano", "精确到纳秒"),
    ("verbose", "多说一些：IP 首部、检验和、选项；两次：更多"),
    ("link_header", "显示链路层首部"),
    ("hexadecimal", "以十六进制显示字节；两次：连同链路层首部"),
    ("characters", "同上，并显示字符"),
    ("absolute", "TCP 序号照原样，不从连接的第一个数起"),
    ("no_quotes", "不显示 ICMP 差错所引的内容，凡 tcpdump 不显示处"),
    ("numeric", "地址和端口都是数字；总是如此"),
    ("line_buffered", "每个分组立刻显示；总是如此"),
    ("sequence", "把一个会话画成梯形图：时间在两端之间向下流逝；text 或 svg"),
    (
        "plot",
        "把一个 TCP 连接画成 SVG：time-sequence（报文段、确认、窗口）或 in-flight（未确认的字节）",
    ),
    ("flow", "画哪个会话：按分组多少排列的第几个"),
    ("ascii", "文字梯形图只用 ASCII 字符"),
];

/// A parser with its help in that language.
pub fn translated(parser: clap::Command, command: &str, language: Language) -> clap::Command {
    if language == Language::English {
        return parser;
    }
    let parser = parser.mut_subcommands(|parser| {
        let own = command::lab::ACTIONS.iter().find(|action| action.name == parser.get_name());
        match own {
            Some(action) => translated(parser, command, language).about(action.summary.1),
            None => parser,
        }
    });
    let own = own_texts(command);
    parser.mut_args(|argument| {
        let id = argument.get_id().as_str();
        let text = own.iter().chain(COMMON).find(|(known, _)| *known == id);
        let heading = argument.get_help_heading();
        let heading = HEADINGS.iter().find(|(known, _)| Some(*known) == heading);
        let argument = match text {
            Some((_, text)) => argument.help(*text),
            None => argument,
        };
        match heading {
            Some((_, heading)) => argument.help_heading(*heading),
            None => argument,
        }
    })
}

fn own_texts(command: &str) -> Texts {
    match command {
        "gateway" => GATEWAY,
        "lab" => LAB,
        "mask" => MASK,
        "man" => MAN,
        "completions" => COMPLETIONS,
        "explain" => EXPLAIN,
        "dump" => DUMP,
        "mtu" => MTU,
        "clock" => CLOCK,
        "ping" => PING,
        "routers" => ROUTERS,
        "sockets" => SOCKETS,
        "tftp" => TFTP,
        "trace" => TRACE,
        "up" => UP,
        "watch" => WATCH,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args;

    #[test]
    fn every_option_has_a_chinese_text_and_no_text_is_left_over() {
        for command in command::ALL {
            let name = command.name;
            let parser = (command.define)(args::parser(name));
            let all = std::iter::once(&parser).chain(parser.get_subcommands());
            let ids = all.flat_map(clap::Command::get_arguments).map(|it| it.get_id().as_str());
            let ids: Vec<&str> = ids.collect();
            let texts = own_texts(name).iter().chain(COMMON).map(|(id, _)| *id);
            let texts: Vec<&str> = texts.collect();
            for id in &ids {
                assert!(texts.contains(id), "{id} of {name} has no Chinese text");
            }
            for text in &texts {
                assert!(ids.contains(text), "{text} is no option of {name}");
            }
        }
    }
}
