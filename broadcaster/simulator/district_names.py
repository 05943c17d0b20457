"""Names and words of the generated district: common ones, put together by chance, of nobody in particular."""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


BOYS = _words(
    "Rizki Fadhil Aditya Bagas Dimas Fajar Galang Hafiz Ilham Johan Kevin Lutfi Naufal Oki Pandu Raka Satria Tegar Umar "
    "Wahyu Yoga Zaki Arif Bima Candra Danu Eko Farhan Gilang Haikal Irfan Juna Khairul Luthfan Malik Nabil Panji Rafi "
    "Sandi Taufik Vino Wira Yusuf Zidan Alif Bayu Dafa Erlangga Febri Ghani Habib Iqbal Kenzi Marvel Nanda Reyhan"
)
GIRLS = _words(
    "Aisyah Bunga Citra Dewi Elsa Fitri Gita Hana Intan Jasmine Kirana Laras Mawar Nadia Olivia Putri Qonita Rani Salsa "
    "Tiara Ulfa Vania Wulan Yasmin Zahra Alya Bella Cantika Dinda Erika Farah Hasna Indah Jihan Khansa Luna Melati Nabila "
    "Puspa Rahma Sekar Tania Vika Widya Yuni Zulfa Amira Azka Cahaya Dara Hilda Kania Naura Raisa Syifa Talita"
)
BOYS_SECOND = _words(
    "Pratama Ramadhan Saputra Hidayat Maulana Nugroho Firmansyah Alfarizi Kurniawan Setiawan Wijaya Permana Akbar Rahman "
    "Alfatih Prasetyo Syahputra Gunawan Irawan Mahendra Putra Hakim Anugrah Pamungkas Utama Perdana Fauzan Sanjaya"
)
GIRLS_SECOND = _words(
    "Lestari Ramadhani Safitri Anggraini Maharani Azzahra Permata Wulandari Oktavia Pertiwi Rahmawati Handayani Aulia "
    "Khairunnisa Ayuningtyas Kusuma Amelia Fadhilah Nuraini Puspita Utami Salsabila Hasanah Cahyani Febrianti Andini"
)
MOTHERS = _words(
    "Siti Sri Nur Yanti Ratna Eka Lina Murni Rosmawati Sulastri Yuliana Fatimah Endang Ernawati Halimah Juwita Kartini "
    "Marlina Neneng Partini Rohani Samsiah Tuti Wartini Yeni Zubaidah Asmawati Desi Evi Hartati Ida Jumiati Khadijah Leni "
    "Maimunah Nurhayati Parida Rusmini Susanti Titin Umi Wati Yusni Aminah Dahlia Elvi Herlina Misra Rina Tri"
)
MOTHERS_SECOND = _words(
    "Aminah Wahyuni Hartini Suryani Astuti Hayati Lestari Haryati Mulyani Rahayu Yuliani Susilawati Ningsih Fitriani "
    "Kusnadi Maryati Sartika Purnama Wijayanti Hasanah Juwairiah Puspitasari Safitri Novita Agustina Febriani"
)
FATHERS = _words(
    "Ahmad Budi Candra Dedi Edi Firman Gunawan Hendri Iwan Joko Kurnia Lukman Mulyadi Nasir Okta Paijo Rahmat Slamet Tono "
    "Usman Warsito Yanto Zainal Asep Bambang Darmawan Effendi Feri Hasan Ismail Jumadi Kasim Legiman Mardi Nurdin Ponidi "
    "Rusli Sugeng Tarmizi Ujang Wagiman Yudi Zulkifli Amran Burhan Darto Hamdani Marwan Rozali Sukirman Supardi"
)
FATHERS_SECOND = _words(
    "Santoso Susanto Wibowo Hartono Saputra Suryadi Haryanto Kusuma Effendi Siregar Hidayat Sutrisno Purnomo Mulyono "
    "Supriyadi Alamsyah Nasution Wahyudi Gunadi Irwanto Yusuf Rahman Sulaiman Effendy Iskandar Prayitno"
)
HAMLETS = ("DUSUN I", "DUSUN II", "DUSUN III", "DUSUN IV")
BIRTH_PLACES = ("ARGA MAKMUR", "BENGKULU UTARA", "BENGKULU", "CURUP", "KETAHUN", "LAIS")

#: What parents write back; the words a real inbox gets, misspelled as there.
STOPS = ("STOP", "stop", "Berhenti", "stop pak", "BERHENTI")
ALREADY = ("SUDAH", "sudah diambil", "Sdh pak, kmrn", "udah bu", "alhamdulillah sudah")
HELP = ("BANTU", "bantu pak, jauh dari rumah", "Bantu", "mohon dibantu, tidak ada kendaraan")
QUESTIONS = (
    "Buka jam berapa pak?",
    "syaratnya apa saja ya",
    "Apakah bisa diwakilkan neneknya?",
    "Ini benar dari Dukcapil?",
    "bayar berapa bu?",
    "Maaf ini siapa ya",
    "kalau hari Sabtu buka tidak?",
    "Akta anak saya hilang, bagaimana?",
)
