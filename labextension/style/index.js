import './lobu.css';
